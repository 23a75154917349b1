package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// freeze stops a side: its server and what follows it take neither processor nor disk
// from the side whose turn it is. Whoever starts processes is stopped first, so that
// none is missed.
func (s *side) freeze() error {
	if err := s.signal(syscall.SIGSTOP, s.follower(), []int{s.postmaster}); err != nil {
		return err
	}
	backends, err := children(s.postmaster)
	return errors.Join(err, s.signal(syscall.SIGSTOP, backends))
}

// thaw lets a side go on where it was stopped.
func (s *side) thaw() error {
	backends, err := children(s.postmaster)
	return errors.Join(err, s.signal(syscall.SIGCONT, backends, []int{s.postmaster}, s.follower()))
}

func (s *side) follower() []int {
	if s.command == nil {
		return nil
	}
	return []int{s.command.Process.Pid}
}

func (s *side) signal(signal syscall.Signal, groups ...[]int) error {
	for _, pids := range groups {
		for _, pid := range pids {
			if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("send %s to process %d of %s: %w", signal, pid, s.name, err)
			}
		}
	}
	return nil
}

// children are the processes that a process has started; see proc_pid_stat(5).
func children(parent int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // it has ended
		}
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if of, err := strconv.Atoi(string(fields[1])); err != nil || of != parent {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}
