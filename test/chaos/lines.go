package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// tally is what became of the lines.
type tally struct {
	Runs, Written, Kept, Lost, Twice, Disordered, Foreign int
	Examples                                              []string // of what is wrong
}

func (t tally) String() string {
	return fmt.Sprintf("%d written by %d processes, %d kept, %d lost, %d twice, %d damaged or in another order", t.Written, t.Runs, t.Kept, t.Lost, t.Twice, t.Disordered)
}

// seen is what was found of one run.
type seen struct {
	last   uint64
	counts map[uint64]int // only of what is not as it should be: 0 is missing
	n      int
}

// ledger takes lines as they are found.
type ledger struct {
	runs  map[string]*seen
	tally tally
}

func newLedger() *ledger { return &ledger{runs: map[string]*seen{}} }

// read takes all lines of a text.
func (l *ledger) read(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := in.ReadString('\n')
		if line != "" {
			l.line(strings.TrimSuffix(line, "\n"))
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (l *ledger) line(text string) {
	// A runtime that may have no more threads says so in several writes: one of our
	// lines may stand behind the first of them.
	if i := strings.Index(text, lineMark); i > 0 {
		l.tally.Foreign++
		text = text[i:]
	}
	f := strings.Fields(text)
	if len(f) < 4 || f[0] != lineMark {
		l.tally.Foreign++
		return
	}
	n, err := strconv.ParseUint(f[3], 10, 64)
	if padding := strings.Repeat("x", int(n)%64); err != nil || n%64 != 0 && (len(f) != 5 || f[4] != padding) {
		l.wrong(&l.tally.Disordered, "damaged: "+text)
		return
	}
	run := l.runs[f[1]+"."+f[2]]
	if run == nil {
		run = &seen{counts: map[uint64]int{}}
		l.runs[f[1]+"."+f[2]] = run
	}
	run.n++
	switch {
	case n == run.last+1:
		run.last = n
	case n > run.last:
		for m := run.last + 1; m < n; m++ {
			run.counts[m] = 0
		}
		run.last = n
	default:
		if c, missed := run.counts[n]; missed && c == 0 {
			delete(run.counts, n)
			l.wrong(&l.tally.Disordered, "late: "+text)
			return
		}
		l.wrong(&l.tally.Twice, "twice: "+text)
	}
}

func (l *ledger) wrong(count *int, example string) {
	*count++
	if len(l.tally.Examples) < 10 {
		l.tally.Examples = append(l.tally.Examples, example)
	}
}

// readLogs takes the files of all services below a directory, in the order in which
// they were written.
func (l *ledger) readLogs(dir string) error {
	services, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, s := range services {
		files, err := filepath.Glob(filepath.Join(dir, s.Name(), "*"))
		if err != nil {
			return err
		}
		slices.SortFunc(files, func(a, b string) int { // the names of rotated ones sort as their lines do
			isCurrent := func(path string) int {
				if filepath.Base(path) == "current" {
					return 1
				}
				return 0
			}
			if d := isCurrent(a) - isCurrent(b); d != 0 {
				return d
			}
			return strings.Compare(a, b)
		})
		for _, path := range files {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			err = l.read(f)
			f.Close()
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	return nil
}

// settle compares what was found with what the runs have noted.
func (l *ledger) settle(journal string) (tally, error) {
	notes, err := os.ReadDir(journal)
	if err != nil {
		return tally{}, err
	}
	t := &l.tally
	for _, note := range notes {
		b, err := os.ReadFile(filepath.Join(journal, note.Name()))
		if err != nil {
			return tally{}, err
		}
		if strings.HasPrefix(note.Name(), "hog.") || len(b) < noteSize { // it writes nowhere; it was killed before it began
			continue
		}
		begun, written := binary.NativeEndian.Uint64(b), binary.NativeEndian.Uint64(b[8:])
		run := l.runs[note.Name()]
		if run == nil {
			run = &seen{}
		}
		delete(l.runs, note.Name())
		t.Runs++
		t.Written += int(written)
		t.Kept += run.n
		for m := range run.counts {
			l.wrong(&t.Lost, fmt.Sprintf("lost: line %d of %s", m, note.Name()))
		}
		for m := run.last + 1; m <= written; m++ {
			l.wrong(&t.Lost, fmt.Sprintf("lost: line %d of %d of %s", m, written, note.Name()))
		}
		if run.last > begun {
			l.wrong(&t.Disordered, fmt.Sprintf("line %d of %s, which has not come beyond %d", run.last, note.Name(), begun))
		}
	}
	for name := range l.runs {
		l.wrong(&t.Disordered, "lines of a run that never was: "+name)
	}
	return *t, nil
}
