package cdc

import (
	"bytes"
	"encoding/binary"
)

// message reads the parts of one pgoutput message. What is beyond its end reads
// as zero and makes it bad.
type message struct {
	data []byte
	bad  bool
}

// field is one column of a row: 'n' NULL, 'u' unchanged and not sent, 't' a
// value. The value is part of the message.
type field struct {
	kind byte
	data []byte
}

func (m *message) take(n uint32) []byte {
	if uint64(n) > uint64(len(m.data)) {
		m.fail()
		return nil
	}
	taken := m.data[:n]
	m.data = m.data[n:]
	return taken
}

func (m *message) fail() { m.data, m.bad = nil, true }

func (m *message) byte() byte {
	if b := m.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (m *message) uint16() uint16 {
	if b := m.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (m *message) uint32() uint32 {
	if b := m.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (m *message) uint64() uint64 {
	if b := m.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// text is a string that ends with a zero byte.
func (m *message) text() string {
	end := bytes.IndexByte(m.data, 0)
	if end < 0 {
		m.fail()
		return ""
	}
	text := string(m.data[:end])
	m.data = m.data[end+1:]
	return text
}

// row appends the columns of a row to fields.
func (m *message) row(fields []field) []field {
	for range m.uint16() {
		f := field{kind: m.byte()}
		switch f.kind {
		case 'n', 'u':
		case 't':
			f.data = m.take(m.uint32())
		default: // binary values were not asked for
			m.fail()
		}
		if m.bad {
			break
		}
		fields = append(fields, f)
	}
	return fields
}

// end says what is wrong with a message that should have been read to its end.
func (m *message) end(kind byte) error {
	switch {
	case m.bad:
		return problem(ErrProtocol, "message %q ends too early or has an unknown part", kind)
	case len(m.data) > 0:
		return problem(ErrProtocol, "message %q has %d bytes too many", kind, len(m.data))
	}
	return nil
}
