package main

import (
	"fmt"
	"os"

	"supervise/internal/event"
	"supervise/internal/logs"
)

// sinks hands each event to several.
type sinks []*logs.Log

func (all sinks) Wants(n event.Name) bool {
	for _, s := range all {
		if s.Wants(n) {
			return true
		}
	}
	return false
}

func (all sinks) Emit(e event.Event) {
	for _, s := range all {
		if s.Wants(e.Name) {
			s.Emit(e)
		}
	}
}

func (all sinks) Close() {
	for _, s := range all {
		s.Close()
	}
}

// withTrace adds a file that takes every event, if path is not "".
func (all sinks) withTrace(path string) (sinks, error) {
	if path == "" {
		return all, nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("--trace: %w", err)
	}
	return append(all, logs.New(file, logs.JSON{}, func(event.Name) bool { return true })), nil
}
