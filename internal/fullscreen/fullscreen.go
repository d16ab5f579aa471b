// Package fullscreen has the whole terminal: it takes it over, says which keys
// were pressed, paints what is to be seen, and gives it back as it was.
//
// It takes the terminal for raw input and the alternate screen, and gives it
// back in [Terminal.Close], which is to be deferred and may be called from any
// goroutine, and while the program is stopped by Ctrl-Z or TSTP. Only lines
// that have changed are written. It asks the terminal nothing, so it works on
// everything that understands ECMA-48, the Linux console and tmux included.
//
// It is this small because it is a part of the program that runs as PID 1 of
// containers: see docs/design.md for what the libraries cost there.
package fullscreen

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/guard"
)

// Terminal is a terminal that was taken over.
type Terminal struct {
	in, out *os.File
	events  chan Event
	signals chan os.Signal
	stops   chan struct{} // Suspend was called

	mutex   sync.Mutex // of what follows
	was     unix.Termios
	taken   bool
	closed  bool
	painted []string // what is on the screen; nil: unknown
}

// Event is something that comes from the terminal: [Key], [Paste], [Resized]
// or [Gone].
type Event interface{ event() }

// Resized tells the size of the terminal, in cells. It also comes after the
// program was stopped and goes on.
type Resized struct{ Width, Height int }

// Gone says that there is no use in going on: the terminal has hung up, or a
// signal asks the program to end. Signal is 0 when it was neither INT, TERM nor HUP.
type Gone struct{ Signal unix.Signal }

func (Resized) event() {}
func (Gone) event()    {}

// ErrNoTerminal says that there is none to take.
var ErrNoTerminal = errors.New("not a terminal")

// What is sent to take the terminal and to give it back: the alternate screen,
// no cursor, no wrapping at the right margin (a line that the terminal thinks
// wider than we do then hurts nobody), pasted text marked as such.
const (
	take = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[m\x1b[2J"
	give = "\x1b[m\x1b[?2004l\x1b[?7h\x1b[2J\x1b[H\x1b[?25h\x1b[?1049l"
)

// Open takes over the terminal that in and out are.
func Open(in, out *os.File) (*Terminal, error) {
	t := &Terminal{in: in, out: out, events: make(chan Event, 64), signals: make(chan os.Signal, 16), stops: make(chan struct{}, 1)}
	for _, f := range []*os.File{in, out} {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err != nil {
			return nil, fmt.Errorf("%s is %w", f.Name(), ErrNoTerminal)
		}
	}
	signal.Notify(t.signals, unix.SIGWINCH, unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGTSTP, unix.SIGCONT)
	if err := t.enter(); err != nil {
		return nil, err
	}
	t.Go(t.heed)
	t.Go(t.read)
	t.tellSize()
	return t, nil
}

// Events is what comes from the terminal.
func (t *Terminal) Events() <-chan Event { return t.events }

// Close gives the terminal back. Again, it does nothing.
func (t *Terminal) Close() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.closed = true
	t.leave()
}

// Go runs f in a goroutine. If it panics, the terminal is given back before
// that is told.
func (t *Terminal) Go(f func()) {
	go func() {
		defer guard.Recover()
		defer func() {
			if p := recover(); p != nil {
				t.Close()
				panic(p)
			}
		}()
		f()
	}()
}

// Suspend does what Ctrl-Z does to other programs: the terminal is given back,
// the program's group stops, and when it goes on takes the terminal again.
// Events then has a [Resized].
func (t *Terminal) Suspend() {
	select {
	case t.stops <- struct{}{}:
	default: // it is about to
	}
}

// Redraw paints everything at the next [Terminal.Paint].
func (t *Terminal) Redraw() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.painted = nil
}

// Paint shows lines, each no wider than the terminal.
func (t *Terminal) Paint(lines []string) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if !t.taken {
		return nil
	}
	text := Difference(t.painted, lines)
	t.painted = lines
	if text == "" {
		return nil
	}
	_, err := t.out.WriteString(text)
	return err
}

// heed does what signals ask for, and is the only one that suspends.
func (t *Terminal) heed() {
	for {
		select {
		case <-t.stops:
			t.suspend(0)
		case s := <-t.signals:
			t.signalled(s)
		}
	}
}

func (t *Terminal) signalled(s os.Signal) {
	switch s {
	case unix.SIGWINCH:
		t.tellSize()
	case unix.SIGTSTP:
		t.suspend(os.Getpid())
	case unix.SIGCONT: // after a STOP: the shell has used the terminal meanwhile
		t.resume()
	default:
		t.events <- Gone{s.(unix.Signal)}
	}
}

// suspend stops a process, or with pid 0 our whole group, as the terminal's
// driver does.
func (t *Terminal) suspend(pid int) {
	t.mutex.Lock()
	t.leave()
	t.mutex.Unlock()
	restore := setDefault(unix.SIGTSTP)
	_ = unix.Kill(pid, unix.SIGTSTP)
	// Stopping takes effect on some thread a moment after kill(2) has returned,
	// so CONT is waited for. It never comes when nobody is there to send it (an
	// orphaned process group is not stopped by TSTP): then after a while.
	late := time.After(time.Second)
	for waiting := true; waiting; {
		select {
		case <-late:
			waiting = false
		case s := <-t.signals:
			if waiting = s != unix.SIGCONT; waiting && s != unix.SIGWINCH && s != unix.SIGTSTP {
				t.signalled(s)
			}
		}
	}
	restore()
	t.resume()
}

func (t *Terminal) resume() {
	t.mutex.Lock()
	err := t.enter()
	t.mutex.Unlock()
	if err != nil {
		t.events <- Gone{}
		return
	}
	t.tellSize()
}

// tellSize tells the size, and that nothing is on the screen any more: when
// their size changes, terminals drop and move lines each in its own way.
func (t *Terminal) tellSize() {
	t.Redraw()
	size, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		t.events <- Resized{80, 24}
		return
	}
	t.events <- Resized{int(size.Col), int(size.Row)}
}

// enter takes the terminal. The mutex is held.
func (t *Terminal) enter() error {
	if t.closed {
		return nil
	}
	if !t.taken {
		was, err := unix.IoctlGetTermios(int(t.in.Fd()), unix.TCGETS)
		if err != nil {
			return fmt.Errorf("reading the terminal's settings: %w", err)
		}
		t.was = *was
	}
	raw := t.was // as cfmakeraw(3) does
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETSW, &raw); err != nil {
		return fmt.Errorf("setting the terminal to raw input: %w", err)
	}
	t.taken, t.painted = true, nil
	_, err := t.out.WriteString(take)
	return err
}

// leave gives it back. The mutex is held.
func (t *Terminal) leave() {
	if !t.taken {
		return
	}
	t.taken = false
	withoutTTOU(func() {
		_, _ = t.out.WriteString(give)
		_ = unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETSW, &t.was)
	})
}
