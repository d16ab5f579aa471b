package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/runit"
)

// svClients measures how soon runit's sv and ours answer, with a real runsv behind a
// service that starts and ends at once.
func svClients(b *bench) (func(int), []*table) {
	const original, ours = "sv of runit", superviseIs
	clients := map[string]string{}
	var rows []string
	if path, err := exec.LookPath("sv"); err == nil && b.installed("sv", []string{"runsv"}, nil) {
		clients[original], rows = path, []string{original}
		if b.installed(ours, []string{b.supervise}, nil) {
			clients[ours], rows = b.link("sv"), []string{ours, original}
		}
	}
	t := newTable("sv", "sv: from its start until its answer", rows,
		metric{Name: "status", Unit: "ms", Decimals: 2}, metric{Name: "restart", Unit: "ms", Decimals: 1})
	t.note("Of one service of a real runsv, which does nothing but sleep; with no check. Ours lets a process that has just come up stay for 20 ms before it says so.")
	return func(turn int) {
		if len(rows) == 0 {
			return
		}
		b.progress(turn, "sv")
		for _, row := range rotate(rows, turn) {
			if err := b.measureSv(t, row, clients[row]); err != nil {
				t.fail(row, err)
			}
		}
	}, []*table{t}
}

func (b *bench) measureSv(t *table, row, client string) error {
	dir, err := os.MkdirTemp(b.scratch, "sv-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\nexec sleep 600\n"), 0o755); err != nil {
		return err
	}
	runsv := exec.Command("runsv", dir)
	runsv.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, Setsid: true}
	if err := runsv.Start(); err != nil {
		return err
	}
	defer func() {
		_ = unix.Kill(-runsv.Process.Pid, unix.SIGKILL) // its service is in its group
		_ = runsv.Wait()
	}()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if s, err := runit.ReadStatus(dir); err == nil && s.State == runit.Run {
			break
		} else if time.Now().After(end) {
			return fmt.Errorf("the service does not start: %v", err)
		}
	}
	for _, what := range []struct {
		column string
		words  []string
		times  int
		rest   time.Duration
	}{
		{"status", []string{"status"}, b.amounts.starts, 0},
		{"restart", []string{"-w", "30", "restart"}, b.amounts.kills, 1100 * time.Millisecond}, // runsv waits a second after a shorter run
	} {
		var took []float64
		for range what.times {
			time.Sleep(what.rest)
			began := time.Now()
			if _, err := b.output(time.Minute, false, append(append([]string{client}, what.words...), dir)...); err != nil {
				return err
			}
			took = append(took, milliseconds(time.Since(began)))
		}
		t.add(row, what.column, median(took))
	}
	return nil
}
