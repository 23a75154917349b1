package ccsim

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query returns the parameters of a request: its own, or those in its cursor.
func (c *call) query() (url.Values, error) {
	q, err := url.ParseQuery(c.URL.RawQuery)
	cursor := q.Get("cursor")
	if err != nil || cursor == "" {
		return q, err
	}
	raw, err := base64.StdEncoding.DecodeString(cursor)
	if err != nil {
		return nil, fmt.Errorf("read cursor: %w", err)
	}
	return url.ParseQuery(string(raw))
}

// pager cuts a page out of a collection. A cursor names the next member by its
// serial number, with all parameters: it stays where it is while members come
// and go.
type pager[T interface{ place() int }] struct {
	path  string
	items string // name of the page in the body
	count string // name of the count of all in the body
	most  int    // highest limit
	match func(T) bool
	body  func(T) map[string]any
	drop  string // parameter that cursors lose
}

const standardLimit = 50

// page needs all members in the order of their serial numbers.
func (p pager[T]) page(c *call, q url.Values, all []T) answer {
	limit, err := within(q.Get("limit"), standardLimit, 1, p.most)
	if err != nil {
		return invalid("limit does not have a valid value")
	}
	from, err := within(q.Get("next"), 0, 0, math.MaxInt)
	if err != nil {
		return invalid("cursor does not have a valid value")
	}
	rows := []map[string]any{}
	i, _ := slices.BinarySearchFunc(all, from, func(one T, serial int) int { return cmp.Compare(one.place(), serial) })
	i = p.shift(c.fault.Kind, i, all)
	for ; i < len(all) && len(rows) < limit; i++ {
		if p.match(all[i]) {
			rows = append(rows, p.body(all[i]))
		}
	}
	body := map[string]any{p.items: rows}
	if slices.ContainsFunc(all[i:], p.match) {
		q.Set("next", strconv.Itoa(all[i].place()))
		q.Del(p.drop)
		cursor := base64.StdEncoding.EncodeToString([]byte(q.Encode()))
		body["_links"] = map[string]any{"next": map[string]string{"href": p.path + "?cursor=" + url.QueryEscape(cursor)}}
	}
	if p.count != "" && q.Get("include_count") == "true" {
		n := 0
		for _, one := range all {
			if p.match(one) {
				n++
			}
		}
		body[p.count] = n
	}
	return ok(body)
}

// shift moves the beginning of a page by one match where a fault asks for it.
func (p pager[T]) shift(fault FaultKind, i int, all []T) int {
	switch fault {
	case FaultPageSkips:
		if n := slices.IndexFunc(all[i:], p.match); n >= 0 {
			return i + n + 1
		}
	case FaultPageRepeats:
		for n := i - 1; n >= 0; n-- {
			if p.match(all[n]) {
				return n
			}
		}
	}
	return i
}

// within reads a number between least and most.
func within(text string, standard, least, most int) (int, error) {
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err == nil && (n < least || n > most) {
		err = fmt.Errorf("read number: %d is not between %d and %d", n, least, most)
	}
	return n, err
}

func split(csv string) []string {
	if csv == "" {
		return nil
	}
	return strings.Split(csv, ",")
}

// allIn says that every value is one of those allowed.
func allIn[T comparable](values, allowed []T) bool {
	return !slices.ContainsFunc(values, func(v T) bool { return !slices.Contains(allowed, v) })
}
