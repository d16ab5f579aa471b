package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"supervise/internal/lab"
	"supervise/internal/stage"
	"supervise/internal/visible"
)

// checked is what `lab check --json` gives.
type checked struct {
	Lab    int           `json:"lab"`
	File   string        `json:"file"`
	Passed bool          `json:"passed"`
	Cases  []lab.Verdict `json:"cases"`
}

// check runs the learner's program through all cases of the exercise, until one
// fails, and says what is missing.
func (d *desk) check(ctx context.Context, l *lab.Lab, path string) error {
	if info, err := os.Stat(path); errors.Is(err, os.ErrNotExist) || err == nil && info.IsDir() {
		return exit{1, d.failure(lab.Desk.NoFile, path, l.Number)}
	} else if err != nil {
		return exit{1, err}
	}
	python, err := d.python()
	if err != nil {
		return err
	}
	file, err := filepath.Abs(path)
	if err != nil {
		return exit{exitFailed, err}
	}
	ctx, stop := untilInterrupted(ctx, lab.Desk.Over.In(d.lang))
	defer stop()
	dir, err := d.unpack(l)
	if err != nil {
		return exit{exitFailed, err}
	}
	defer os.RemoveAll(dir)
	result := checked{Lab: l.Number, File: path, Passed: true}
	if !d.json {
		fmt.Fprintf(d.out, "%s\n", d.screen.paint(bold, fmt.Sprintf("%d. %s", l.Number, l.Title.In(d.lang))))
	}
	for i := range l.Exercise.Cases {
		c := &l.Exercise.Cases[i]
		st := stage.Stage{Supervise: ownPath(), Dir: dir, Environ: stage.Environ()}
		report, err := st.Play(ctx, c.Flags, append([]string{python, file}, c.Args...), c.Steps)
		if err != nil {
			return notPlayed(err)
		}
		v := c.Judge(report, d.lang)
		result.Cases = append(result.Cases, v)
		if !d.json {
			d.verdict(i+1, v, report)
		}
		if !v.Passed { // the others may well fail for the same reason
			result.Passed = false
			break
		}
	}
	d.note(func(p lab.Progress, now time.Time) lab.Progress { return p.Checked(l.Number, result.Passed, now) })
	if err := d.conclude(l, result); err != nil {
		return err
	}
	if !result.Passed {
		return exit{status: 1}
	}
	return nil
}

// verdict prints what became of one case.
func (d *desk) verdict(n int, v lab.Verdict, report *lab.Report) {
	s := d.screen
	fmt.Fprintf(d.out, "\n%s\n", fmt.Sprintf(lab.Desk.Case.In(d.lang), n, v.Title))
	hint := ""
	for _, w := range v.Wants {
		mark := s.paint(green, "✔")
		if !w.Passed {
			mark = s.paint(red, "✘")
			if hint != "" {
				mark = s.paint(dim, "·") // it follows from the first, perhaps
			}
		}
		fmt.Fprintf(d.out, "   %s %s\n", mark, w.Says)
		if w.Hint != "" {
			hint = w.Hint
		}
	}
	if hint == "" {
		return
	}
	fmt.Fprintf(d.out, "\n%s\n", s.paint(bold, lab.Desk.CaseFailed.In(d.lang)))
	d.tellLast(report)
	fmt.Fprintf(d.out, "\n%s\n", s.paint(bold, lab.Desk.LookHere.In(d.lang)))
	for _, line := range wrapped(visible.Text(hint), min(s.columns, 100)-3) {
		fmt.Fprintf(d.out, "   %s\n", d.inline(line))
	}
}

// tellLast tells the end of a run, as much as fits on a screen.
func (d *desk) tellLast(report *lab.Report) {
	const most = 24
	var sights []lab.Sight
	for _, s := range report.Sights {
		if _, text := s.Tell(d.lang); text != "" {
			sights = append(sights, s)
		}
	}
	slices.SortStableFunc(sights, func(a, b lab.Sight) int { return int(a.At - b.At) })
	if len(sights) > most {
		fmt.Fprintf(d.out, "%8s\n", "...")
		sights = sights[len(sights)-most:]
	}
	for _, s := range sights {
		d.tell(s)
	}
}

// conclude says what follows.
func (d *desk) conclude(l *lab.Lab, result checked) error {
	if d.json {
		return d.writeJSON(result)
	}
	fmt.Fprintln(d.out)
	if !result.Passed {
		d.say(lab.Desk.CheckFailed, result.File)
		return nil
	}
	fmt.Fprintln(d.out, d.screen.paint(green, lab.Desk.CheckPassed.In(d.lang)))
	if l.Number < len(d.labs) {
		next := &d.labs[l.Number]
		d.say(lab.Desk.CheckNext, d.command("show", next)+"  "+next.Title.In(d.lang))
		return nil
	}
	d.say(lab.Desk.Finished)
	return nil
}
