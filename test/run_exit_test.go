package test

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/signals"
)

// Statuses and errors that one can see in a terminal are in testdata/run; here
// is what takes more than that to bring about.

func TestProgramThatIsBeingWrittenCannotBeExecuted(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	path := s.file("program", "", 0o755)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v := s.supervise("--", path)
	v.exits(126)
	if text := v.text(v.stderr); text != "supervise: could not start: starting "+path+": text file busy\n" {
		t.Errorf("supervise tells %q", text)
	}
}

// Whoever could execute supervise with so many arguments can execute the
// program with them too, unless the limit shrinks in between.
func TestTooManyArguments(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	fifo := s.path("trace")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 100_000)
	v := s.supervise("--trace", fifo, "--", "true", long, long)
	awaitHandlers(t, v.pid())
	// A quarter of it is for arguments, but never less than 128 KiB (execve(2)).
	if err := unix.Prlimit(v.pid(), unix.RLIMIT_STACK, &unix.Rlimit{Cur: 512 << 10, Max: 512 << 10}, nil); err != nil {
		t.Fatal(err)
	}
	s.follow(fifo)
	v.exits(126)
	if text := v.text(v.stderr); !strings.Contains(text, "arguments and environment are too long") {
		t.Errorf("supervise tells %q", text)
	}
}

func TestStatusOfEverySignalThatKills(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, sig := range catchable() {
		switch sig {
		case signals.CONT, signals.URG, signals.WINCH, signals.TSTP, signals.TTIN, signals.TTOU:
			continue // these do not kill
		}
		v := s.supervise("--stop-timeout", "0", "--", "sh", "-c", "ulimit -c 0; echo; exec sleep 100")
		<-v.stdout.lines
		v.kill(sig)
		v.exits(128 + int(sig))
	}
}
