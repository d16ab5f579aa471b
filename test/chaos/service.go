package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The services are this program once more, under other names. What they do, they
// do until TERM:
//
//	steady   writes a line every now and then
//	burst    writes many at once
//	crash    ends after some lines, with a status that says that it failed
//	fork     starts a grandchild in a session of its own, which writes too
//	deaf     does not mind TERM
//	notify   says that it is ready
//	done     writes some lines and ends well
//	hog      takes memory until it is killed
const (
	serviceName = "service"
	probeName   = "probe" // looks at a service, and finds it well
)

// journalVariable names the directory in which each run notes what it has written.
const journalVariable = "CHAOS_JOURNAL"

// writer is one process that writes numbered lines.
type writer struct {
	name, id string
	note     []byte // shared with the file, so that it outlives us: two numbers
	n        uint64
}

// newWriter begins to write in the name of a service. Before each line its number is
// noted as the one under way, and after it as the one that was written: a line of
// less than PIPE_BUF is in the pipe or it is not (pipe(7)), whatever kills us.
func newWriter(name string) (*writer, error) {
	w := &writer{name: name, id: fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano())}
	path := filepath.Join(os.Getenv(journalVariable), name+"."+w.id)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := f.Truncate(noteSize); err != nil {
		return nil, err
	}
	w.note, err = unix.Mmap(int(f.Fd()), 0, noteSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return w, err
}

const noteSize = 16

// line writes the next line. Without a reader there is nothing left to do.
func (w *writer) line() {
	w.n++
	binary.NativeEndian.PutUint64(w.note, w.n)
	text := fmt.Sprintf("%s %s %s %d %s\n", lineMark, w.name, w.id, w.n, strings.Repeat("x", int(w.n)%64))
	if _, err := unix.Write(1, []byte(text)); err != nil {
		os.Exit(3)
	}
	binary.NativeEndian.PutUint64(w.note[8:], w.n)
}

// lineMark begins each line that counts; others are what the runtime of a program
// says that may have no more threads, for example.
const lineMark = "chaos:"

func playService(name, kind string) {
	term := make(chan os.Signal, 1)
	if kind == "deaf" {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(term, syscall.SIGTERM)
	}
	if kind != "hog" {
		stepForward()
	}
	w, err := newWriter(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(4)
	}
	lines, burst, pause := -1, 1, time.Duration(400+rand.IntN(800))*time.Millisecond
	switch kind {
	case "burst":
		burst = 50
	case "crash":
		lines = 1 + rand.IntN(10)
	case "done":
		lines = 3
	case "fork":
		_ = grandchild(name)
	case "notify":
		sayReady()
	case "hog":
		takeMemory()
		os.Exit(0) // nothing has killed it
	}
	for n := 0; lines < 0 || n < lines; n++ {
		for range burst {
			w.line()
		}
		select {
		case <-term:
			w.line()
			os.Exit(0)
		case <-time.After(pause):
		}
	}
	if kind == "crash" {
		os.Exit(1)
	}
	os.Exit(0)
}

// stepForward has the kernel kill us rather than supervise. Its first choice is the hog,
// but when memory is short while one that was killed still ends, it takes another.
func stepForward() { _ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0) }

// grandchild starts a process that leaves the session.
func grandchild(name string) error {
	cmd := exec.Command("/proc/self/exe", name, "steady")
	cmd.Args[0] = serviceName
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

func sayReady() {
	c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		os.Exit(5)
	}
	_, _ = c.Write([]byte("READY=1\nSTATUS=chaos"))
	c.Close()
}

// takeMemory has the kernel kill somebody: whom the limit of the cgroup names. It
// gives up where there is none.
func takeMemory() {
	const most, step = 2 * memoryRoom, 8 << 20
	var all [][]byte
	for range most / step {
		b := make([]byte, step)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
	}
	_ = all
}
