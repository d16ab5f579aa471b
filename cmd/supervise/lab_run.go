package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	course "supervise/examples/lab"
	"supervise/internal/config"
	"supervise/internal/lab"
	"supervise/internal/stage"
	"supervise/internal/visible"
)

// run plays what a lab has to show.
func (d *desk) run(ctx context.Context, l *lab.Lab) error {
	python, err := d.python()
	if err != nil {
		return err
	}
	ctx, stop := untilInterrupted(ctx, lab.Desk.Over.In(d.lang))
	defer stop()
	dir, err := d.unpack(l)
	if err != nil {
		return exit{exitFailed, err}
	}
	defer os.RemoveAll(dir)
	if !d.json {
		fmt.Fprintf(d.out, "\n%s\n", d.screen.paint(bold, fmt.Sprintf("%d. %s", l.Number, l.Title.In(d.lang))))
		d.say(lab.Desk.Legend, d.screen.paint(green, "│"), d.screen.paint(bold, "$"), d.screen.paint(yellow, "●"))
	}
	for _, play := range l.Plays {
		if err := d.play(ctx, play, python, dir); err != nil {
			return notPlayed(err)
		}
	}
	d.note(func(p lab.Progress, now time.Time) lab.Progress { return p.Ran(l.Number, now) })
	if d.json {
		return nil
	}
	fmt.Fprintf(d.out, "\n%s\n", d.screen.paint(bold, lab.InShort.In(d.lang)))
	d.page(lab.Section(d.text(l), lab.InShort.In(d.lang)))
	fmt.Fprintln(d.out)
	d.say(lab.Desk.RunNext, d.command("start", l))
	return nil
}

// notPlayed gives an error of a play its exit status.
func notPlayed(err error) error {
	if stopped := (interrupted{}); errors.As(err, &stopped) {
		return exit{128 + int(stopped.signal), err}
	}
	return exit{exitFailed, err}
}

// play plays one run, and tells it as it goes on.
func (d *desk) play(ctx context.Context, p lab.Play, python, dir string) error {
	if missing := slices.IndexFunc(p.Needs, func(name string) bool { return !installed(name) }); missing >= 0 {
		if !d.json {
			fmt.Fprintf(d.out, "\n%s\n", d.screen.paint(bold, p.Title.In(d.lang)))
			d.say(lab.Desk.LeftOut, p.Needs[missing])
		}
		return nil
	}
	command := p.Command
	if command == nil {
		command = []string{"python3", "program.py"}
	}
	command = slices.Clone(command)
	if !d.json {
		if p.Title.EN != "" {
			fmt.Fprintf(d.out, "\n%s", d.screen.paint(bold, p.Title.In(d.lang)))
		}
		fmt.Fprintf(d.out, "\n%s\n", d.screen.paint(bold, "$ "+words(stage.Command(p.Flags, command))))
	}
	if command[0] == "python3" {
		command[0] = python
	}
	tale := d.newTale()
	st := stage.Stage{Supervise: ownPath(), Dir: dir, Environ: stage.Environ(), Watch: tale.see}
	report, err := st.Play(ctx, p.Flags, command, p.Steps)
	tale.end()
	if err != nil {
		return err
	}
	sentences := report.Summarise(d.lang)
	if d.json {
		return d.writeJSON(map[string]any{"summary": sentences, "status": report.Status, "complete": report.Stuck < 0})
	}
	if report.Stuck >= 0 {
		d.say(lab.Desk.Stuck)
	}
	if p.Plot {
		fmt.Fprintln(d.out)
		for _, line := range lab.PlotHerd(report, min(d.screen.columns, 100), d.lang) {
			fmt.Fprintln(d.out, line)
		}
		return nil
	}
	fmt.Fprintf(d.out, "\n%s\n", d.screen.paint(bold, lab.Desk.Seen.In(d.lang)))
	for _, sentence := range sentences {
		for i, line := range wrapped(visible.Text(sentence), min(d.screen.columns, 100)-4) {
			fmt.Fprintf(d.out, "%s%s\n", [...]string{"  - ", "    "}[min(i, 1)], line)
		}
	}
	return nil
}

// tale prints sights while they come in. A line of the program and an event
// come by different ways; so each is held back for a moment, in which an
// earlier one may arrive.
type tale struct {
	d     *desk
	mutex sync.Mutex
	held  []lab.Sight
	wake  chan struct{}
	done  chan struct{}
}

// heldBack is not noticed by a reader, and much longer than the way.
const heldBack = 60 * time.Millisecond

func (d *desk) newTale() *tale {
	t := &tale{d: d, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(t.done)
		for range t.wake {
			time.Sleep(heldBack)
			t.print()
		}
		t.print()
	}()
	return t
}

func (t *tale) see(s lab.Sight) {
	t.mutex.Lock()
	t.held = append(t.held, s)
	t.mutex.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *tale) end() {
	close(t.wake)
	<-t.done
}

func (t *tale) print() {
	t.mutex.Lock()
	held := t.held
	t.held = nil
	t.mutex.Unlock()
	slices.SortStableFunc(held, func(a, b lab.Sight) int { return int(a.At - b.At) })
	for _, s := range held {
		t.d.tell(s)
	}
}

// tell prints one sight.
func (d *desk) tell(s lab.Sight) {
	if d.json {
		_ = d.writeJSON(s) // if nobody reads, the next ones fail as well
		return
	}
	voice, text := s.Tell(d.lang)
	if text == "" {
		return
	}
	mark, colour := "│", green
	switch voice {
	case lab.FromUs:
		mark, colour, text = "$", bold, d.screen.paint(bold, text)
	case lab.FromRecorder, lab.FromKernel:
		mark, colour = "●", yellow
		if voice == lab.FromKernel {
			colour = red
		}
		text = d.screen.paint(colour, visible.Text(text))
	default:
		text = visible.Line(text)
	}
	fmt.Fprintf(d.out, "%s  %s %s\n", d.screen.paint(dim, fmt.Sprintf("%8s", lab.Clock(s.At, d.lang))), d.screen.paint(colour, mark), text)
}

// python finds the interpreter.
func (d *desk) python() (string, error) {
	path, err := config.LookProgram("python3", "", os.Environ())
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", exit{exitNotFound, d.failure(lab.Desk.NoPython, howToGetPython())}
	}
	return path, nil
}

// howToGetPython is the command of the system's package manager.
func howToGetPython() string {
	for _, way := range []struct{ manager, command string }{
		{"apt-get", "apt-get install python3"}, {"dnf", "dnf install python3"}, {"apk", "apk add python3"},
		{"pacman", "pacman -S python"}, {"zypper", "zypper install python3"},
	} {
		if installed(way.manager) {
			return way.command
		}
	}
	return "https://www.python.org/downloads/"
}

func installed(name string) bool {
	_, err := config.LookProgram(name, "", os.Environ())
	return err == nil
}

// unpack writes the programs of a lab into a directory of their own.
func (d *desk) unpack(l *lab.Lab) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "supervise-lab-"); err != nil {
		return "", err
	}
	entries, err := course.Files.ReadDir(l.Dir())
	if err != nil {
		panic(err) // the tests read all of them
	}
	for _, e := range entries {
		if err := os.WriteFile(filepath.Join(dir, e.Name()), []byte(d.source(l, e.Name())), 0o666); err != nil {
			os.RemoveAll(dir)
			return "", err
		}
	}
	return dir, nil
}

// ownPath is the binary that runs, by its own name where that can be had.
func ownPath() string {
	path, err := os.Executable()
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil { // replaced by another, perhaps
		return "/proc/self/exe"
	}
	return path
}

// lockDir takes the lock of a directory; closing the file gives it back.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return f, nil
}
