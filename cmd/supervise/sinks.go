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

// trace is a file that takes every event.
type trace struct {
	file *record.File
	log  *logs.Log
}

func newTrace(file *record.File) *trace {
	return &trace{file, logs.New(file, logs.JSON{}, func(event.Name) bool { return true })}
}

// traceFailed tells why something is missing in a trace.
func traceFailed(err error) { fmt.Fprintln(os.Stderr, "supervise:", err) }

// withTrace adds a file that takes every event, if path is not "".
func (all sinks) withTrace(path string) (sinks, *trace, error) {
	if path == "" {
		return all, nil, nil
	}
	file, err := record.Create(path, record.NewHeader(version), traceFailed)
	if err != nil {
		return nil, nil, fmt.Errorf("--trace: %w", err)
	}
	t := newTrace(file)
	return append(all, t.log), t, nil
}
