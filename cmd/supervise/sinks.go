package main

import (
	"fmt"
	"os"

	"supervise/internal/event"
	"supervise/internal/logs"
	"supervise/internal/record"
	"supervise/internal/supervisor"
)

// sinks hands each event to several.
type sinks []supervisor.Sink

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

// Close closes those that have an end.
func (all sinks) Close() {
	for _, s := range all {
		if c, ok := s.(interface{ Close() }); ok {
			c.Close()
		}
	}
}

// withTrace adds a file that takes every event, if path is not "".
func (all sinks) withTrace(path string) (sinks, error) {
	if path == "" {
		return all, nil
	}
	file, err := record.Create(path, record.NewHeader(version), func(err error) { fmt.Fprintln(os.Stderr, "supervise:", err) })
	if err != nil {
		return nil, fmt.Errorf("--trace: %w", err)
	}
	return append(all, logs.New(file, logs.JSON{}, func(event.Name) bool { return true })), nil
}
