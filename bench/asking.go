package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// asked is what can be asked of a running peer, by its own client. What is nil
// there is no way to ask for.
type asked struct {
	client string // the program; without it nothing is asked
	note   string

	status func(dir string, size int) []string // shows all services, at least a line for each
	reload func(dir string) []string           // reads the configuration anew
	// add writes one service more and gives the command by which it is started;
	// none when the peer looks for itself.
	add func(dir string, s spec) (command []string, err error)
}

func (a asked) some() bool { return a.status != nil || a.reload != nil || a.add != nil }

// services is the directory that the peer's configuration was written into.
func (f *fleet) services() string { return filepath.Join(f.dir, "services") }

// ask measures what a peer answers, and how soon it takes up one service more.
func (b *bench) ask(t *table, f *fleet) error {
	a := f.peer.asked
	if !a.some() {
		return nil
	}
	if why := missing(a.client); why != "" {
		t.note(f.peer.name + ": not asked: " + why)
		return nil
	}
	timed := func(column string, lines int, command []string) error {
		var took []float64
		err := spend(1, b.amounts.questions, b.amounts.asking, func(int) error {
			began := time.Now()
			out, err := b.output(f.spec.patience(), false, command...)
			took = append(took, milliseconds(time.Since(began)))
			if n := strings.Count(out, "\n"); err == nil && n < lines {
				err = fmt.Errorf("%s: %d lines for %d services", strings.Join(command, " "), n, lines)
			}
			return err
		})
		if err == nil {
			t.add(f.peer.name, column, median(took))
		}
		return err
	}
	if a.status != nil {
		if err := timed(statusOfAll, f.spec.size, a.status(f.services(), f.spec.size)); err != nil {
			return err
		}
	}
	if a.reload != nil {
		if err := timed(reloadSame, 0, a.reload(f.services())); err != nil {
			return err
		}
	}
	if a.add == nil || f.peer.most > 0 && f.spec.size >= f.peer.most {
		return nil
	}
	f.reports.drop()
	began := monotonic()
	command, err := a.add(f.services(), f.spec)
	if err == nil && command != nil {
		_, err = b.output(f.spec.patience(), false, command...)
	}
	if err != nil {
		return fmt.Errorf("adding one service: %w", err)
	}
	next, err := f.reports.await(started, 1, 30*time.Second)
	if err != nil {
		return f.complaint(fmt.Errorf("waiting for one service more: %w", err))
	}
	t.add(f.peer.name, oneMore, milliseconds(next.at-began))
	return nil
}

// superviseAsked asks for what is configured in the place that configure has chosen.
func superviseAsked(program string, place func(dir string) string, add func(string, spec) error) asked {
	return asked{
		client: program,
		status: func(dir string, _ int) []string { return []string{program, "status", "-c", place(dir)} },
		reload: func(dir string) []string { return []string{program, "reload", "-c", place(dir)} },
		add: func(dir string, s spec) ([]string, error) {
			return []string{program, "reload", "-c", place(dir)}, add(dir, s)
		},
	}
}

// each names the directories of all services.
func each(dir string, size int) (paths []string) {
	for i := range size {
		paths = append(paths, filepath.Join(dir, serviceName(i)))
	}
	return paths
}

var runitAsked = asked{
	client: "sv",
	note:   "sv status DIRECTORY...; looks for new directories itself",
	status: func(dir string, size int) []string { return append([]string{"sv", "status"}, each(dir, size)...) },
	add:    func(dir string, s spec) ([]string, error) { return nil, linkRun(dir, s.size, s) },
}

var s6Asked = asked{
	client: "s6-svstat",
	note:   "s6-svstat takes one service, so a shell's loop runs it for each; s6-svscanctl -a",
	status: func(dir string, _ int) []string {
		return []string{"sh", "-c", `for d in "$0"/s*; do s6-svstat "$d" || exit; done`, dir}
	},
	add: func(dir string, s spec) ([]string, error) {
		return []string{"s6-svscanctl", "-a", dir}, linkRun(dir, s.size, s)
	},
}

var dinitAsked = asked{
	client: "dinitctl",
	note:   "dinitctl list, start",
	status: func(dir string, _ int) []string { return dinitctl(dir, "list") },
	add: func(dir string, s spec) ([]string, error) {
		return dinitctl(dir, "start", serviceName(s.size)), dinitService(dir, s.size, s)
	},
}

func dinitctl(dir string, words ...string) []string {
	return append([]string{"dinitctl", "--socket-path", dinitSocket(dir)}, words...)
}

var supervisordAsked = asked{
	client: "supervisorctl",
	note:   "supervisorctl status, update",
	status: func(dir string, _ int) []string { return supervisorctl(dir, "status") },
	reload: func(dir string) []string { return supervisorctl(dir, "update") },
	add: func(dir string, s spec) ([]string, error) {
		f, err := os.OpenFile(supervisordConf(dir), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		_, err = f.WriteString(strings.Join(supervisordProgram(s.size, s), "\n") + "\n")
		return supervisorctl(dir, "update"), err
	},
}

func supervisorctl(dir, word string) []string {
	return []string{"supervisorctl", "-c", supervisordConf(dir), word}
}
