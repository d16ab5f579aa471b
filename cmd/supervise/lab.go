package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	course "supervise/examples/lab"
	"supervise/internal/lab"
)

// labFlags are the flags of all of `supervise lab`.
type labFlags struct {
	lang string
	json bool
}

func newLabCommand() *cobra.Command {
	var f labFlags
	locale := lab.Locale(os.Getenv)
	list := func(cmd *cobra.Command, _ []string) error {
		return f.desk(func(d *desk) error { return d.list() })
	}
	cmd := &cobra.Command{
		Use:   "lab",
		Short: lab.Desk.Short.In(locale),
		Example: `  supervise lab                the labs, and how far you are
  supervise lab show 1         read
  supervise lab run 1          look
  supervise lab start 1        your turn: makes 01-handling.py
  supervise lab check 1`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf(lab.Desk.NoCommand.In(locale), args[0])
			}
			return nil
		},
		RunE: list,
	}
	fs := cmd.PersistentFlags()
	fs.StringVar(&f.lang, "lang", "", lab.Desk.FlagLang.In(locale))
	fs.BoolVar(&f.json, "json", false, lab.Desk.FlagJSON.In(locale))
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: lab.Desk.ShortList.In(locale), Args: cobra.NoArgs, RunE: list},
		newLabShowCommand(&f, locale),
		&cobra.Command{Use: "run N", Short: lab.Desk.ShortRun.In(locale), Args: labAndMore(0, locale), ValidArgsFunction: completeLabs,
			RunE: func(cmd *cobra.Command, args []string) error {
				return f.lab(args[0], func(d *desk, l *lab.Lab) error { return d.run(cmd.Context(), l) })
			}},
		&cobra.Command{Use: "start N [DIR]", Short: lab.Desk.ShortStart.In(locale), Args: labAndMore(1, locale), ValidArgsFunction: completeLabs,
			RunE: func(_ *cobra.Command, args []string) error {
				return f.lab(args[0], func(d *desk, l *lab.Lab) error { return d.start(l, append(args, ".")[1]) })
			}},
		&cobra.Command{Use: "check N [FILE]", Short: lab.Desk.ShortCheck.In(locale), Args: labAndMore(1, locale), ValidArgsFunction: completeLabs,
			RunE: func(cmd *cobra.Command, args []string) error {
				return f.lab(args[0], func(d *desk, l *lab.Lab) error { return d.check(cmd.Context(), l, append(args, l.File())[1]) })
			}},
	)
	return cmd
}

// labAndMore takes the word for a lab, and at most so many others.
func labAndMore(more int, locale lab.Lang) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < 1 || len(args) > 1+more {
			return fmt.Errorf(lab.Desk.NoNumber.In(locale), cmd.Use, len(lab.Course()))
		}
		return nil
	}
}

func newLabShowCommand(f *labFlags, locale lab.Lang) *cobra.Command {
	files := []struct {
		flag, file string
		says       lab.Words
		on         bool
	}{
		{flag: "program", file: "program.py", says: lab.Desk.FlagProgram},
		{flag: "exercise", file: "exercise.py", says: lab.Desk.FlagExercise},
		{flag: "solution", file: "solution.py", says: lab.Desk.FlagSolution},
	}
	cmd := &cobra.Command{Use: "show N", Short: lab.Desk.ShortShow.In(locale), Args: labAndMore(0, locale), ValidArgsFunction: completeLabs,
		RunE: func(_ *cobra.Command, args []string) error {
			return f.lab(args[0], func(d *desk, l *lab.Lab) error {
				for _, file := range files {
					if file.on {
						_, err := io.WriteString(d.out, d.source(l, file.file))
						return err
					}
				}
				return d.show(l)
			})
		}}
	for i := range files {
		cmd.Flags().BoolVar(&files[i].on, files[i].flag, false, files[i].says.In(locale))
	}
	cmd.MarkFlagsMutuallyExclusive("program", "exercise", "solution")
	return cmd
}

// desk is where a learner sits.
type desk struct {
	labs   []lab.Lab
	lang   lab.Lang
	json   bool
	out    io.Writer
	screen screen
}

func (f *labFlags) desk(do func(*desk) error) error {
	d := &desk{labs: lab.Course(), lang: lab.Locale(os.Getenv), json: f.json, out: os.Stdout, screen: screenOf(os.Stdout)}
	if f.lang != "" {
		lang, ok := lab.ParseLang(f.lang)
		if !ok {
			return exit{exitUsage, fmt.Errorf(lab.Desk.BadLang.In(d.lang), f.lang)}
		}
		d.lang = lang
	}
	return do(d)
}

func (f *labFlags) lab(word string, do func(*desk, *lab.Lab) error) error {
	return f.desk(func(d *desk) error {
		l, ok := lab.Find(d.labs, word)
		if !ok {
			return exit{exitUsage, d.failure(lab.Desk.NoLab, word, len(d.labs))}
		}
		return do(d, l)
	})
}

func completeLabs(_ *cobra.Command, args []string, _ string) (labs []string, _ cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	lang := lab.Locale(os.Getenv)
	for _, l := range lab.Course() {
		labs = append(labs, fmt.Sprintf("%d\t%s", l.Number, l.Title.In(lang)))
	}
	return labs, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// say writes a line.
func (d *desk) say(w lab.Words, args ...any) { fmt.Fprintf(d.out, w.In(d.lang)+"\n", args...) }

func (d *desk) failure(w lab.Words, args ...any) error {
	return fmt.Errorf(w.In(d.lang), args...)
}

// command is a command as the learner would type it next.
func (d *desk) command(verb string, l *lab.Lab) string {
	return d.screen.paint(bold, fmt.Sprintf("supervise lab %s %d", verb, l.Number))
}

// file reads a file of a lab.
func (d *desk) file(l *lab.Lab, name string) string {
	b, err := course.Files.ReadFile(l.Dir() + "/" + name)
	if err != nil {
		panic(err) // the tests read all of them
	}
	return string(b)
}

func (d *desk) source(l *lab.Lab, name string) string { return lab.Source(d.file(l, name), d.lang) }

func (d *desk) text(l *lab.Lab) string { return d.file(l, string(d.lang)+".md") }

// writeJSON writes one line.
func (d *desk) writeJSON(v any) error { return json.NewEncoder(d.out).Encode(v) }

// listed is a lab in `lab list --json`.
type listed struct {
	Number int    `json:"lab"`
	Name   string `json:"name"`
	Title  string `json:"title"`
	lab.Done
}

// list prints the labs with what is done of them.
func (d *desk) list() error {
	progress := d.progress()
	if d.json {
		all := make([]listed, len(d.labs))
		for i, l := range d.labs {
			all[i] = listed{l.Number, l.Name, l.Title.In(d.lang), progress.Of(l.Number)}
		}
		return d.writeJSON(all)
	}
	s := d.screen
	fmt.Fprintf(d.out, "%s\n\n", s.paint(bold, fmt.Sprintf(lab.Desk.Heading.In(d.lang), len(d.labs))))
	done := 0
	var next *lab.Lab
	for i := range d.labs {
		l := &d.labs[i]
		mark, state := " ", ""
		switch was := progress.Of(l.Number); {
		case !was.Passed.IsZero():
			mark, state = s.paint(green, "✔"), s.paint(green, lab.Desk.Passed.In(d.lang))
			done++
		case !was.Ran.IsZero():
			mark, state = s.paint(yellow, "•"), s.paint(yellow, lab.Desk.Ran.In(d.lang))
		}
		if next == nil && progress.Of(l.Number).Passed.IsZero() {
			next = l
		}
		title := l.Title.In(d.lang)
		fmt.Fprintln(d.out, strings.TrimRight(fmt.Sprintf(" %s %2d  %s%s  %s", mark, l.Number, title, strings.Repeat(" ", max(0, 60-len([]rune(title)))), state), " "))
	}
	fmt.Fprintln(d.out)
	if next == nil {
		d.say(lab.Desk.AllDone)
		return nil
	}
	d.say(lab.Desk.Total, done, len(d.labs))
	verb := "show"
	if !progress.Of(next.Number).Ran.IsZero() {
		verb = "start"
	}
	d.say(lab.Desk.Next, d.command(verb, next))
	return nil
}

// show prints the text of a lab.
func (d *desk) show(l *lab.Lab) error {
	fmt.Fprintln(d.out)
	d.page(d.text(l))
	fmt.Fprintln(d.out)
	d.say(lab.Desk.ShowNext, d.command("run", l))
	return nil
}

// page prints a text: headings, code and what stands between backticks in
// colour, where there is any.
func (d *desk) page(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"):
			title := strings.TrimLeft(line, "# ")
			line = d.screen.paint(bold, title)
		case strings.HasPrefix(line, "    "):
			line = d.screen.paint(cyan, line)
		default:
			line = d.inline(line)
		}
		fmt.Fprintln(d.out, line)
	}
}

func (d *desk) inline(line string) string {
	if !d.screen.colour {
		return line
	}
	parts := strings.Split(line, "`")
	if len(parts)%2 == 0 {
		return line // a code that goes on in the next line
	}
	for i := 1; i < len(parts); i += 2 {
		parts[i] = d.screen.paint(cyan, parts[i])
	}
	return strings.Join(parts, "")
}

// start puts the beginnings of an exercise into dir. What is there stays.
func (d *desk) start(l *lab.Lab, dir string) error {
	path := filepath.Join(dir, l.File())
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return exit{exitFailed, err}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, os.ErrExist) {
		return exit{1, d.failure(lab.Desk.Exists, path, fmt.Sprintf("supervise lab check %d %s", l.Number, path))}
	}
	if err != nil {
		return exit{exitFailed, err}
	}
	_, err = file.WriteString(d.source(l, "exercise.py"))
	if err = cmp.Or(err, file.Close()); err != nil {
		return exit{exitFailed, err}
	}
	d.say(lab.Desk.Started, d.screen.paint(bold, path))
	fmt.Fprintln(d.out)
	d.task(l)
	fmt.Fprintln(d.out)
	check := d.command("check", l)
	if dir != "." {
		check += " " + path
	}
	d.say(lab.Desk.StartNext, check)
	return nil
}

// task prints what the exercise asks for.
func (d *desk) task(l *lab.Lab) {
	fmt.Fprintln(d.out, d.screen.paint(bold, lab.Desk.Task.In(d.lang)))
	d.page(lab.Section(d.text(l), lab.Desk.Task.In(d.lang)))
}

// progress reads what was done; what cannot be read is set aside.
func (d *desk) progress() (p lab.Progress) {
	path, err := lab.ProgressFile(os.Getenv)
	if err == nil {
		p, err = d.readProgress(path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, fmt.Sprintf(lab.Desk.NotKept.In(d.lang), err))
	}
	return p
}

func (d *desk) readProgress(path string) (lab.Progress, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return lab.Progress{}, nil
	}
	if err != nil {
		return lab.Progress{}, err
	}
	p, err := lab.ParseProgress(b)
	if err == nil {
		return p, nil
	}
	aside := path + ".broken"
	if err := os.Rename(path, aside); err != nil {
		return lab.Progress{}, err
	}
	fmt.Fprintln(os.Stderr, fmt.Sprintf(lab.Desk.Broken.In(d.lang), path, aside))
	return lab.Progress{}, nil
}

// note keeps that something was done. Without a place for it the course goes on.
func (d *desk) note(change func(lab.Progress, time.Time) lab.Progress) {
	path, err := lab.ProgressFile(os.Getenv)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = d.writeProgress(path, change)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, fmt.Sprintf(lab.Desk.NotKept.In(d.lang), err))
	}
}

// writeProgress changes the file in one step; a lock keeps two terminals from
// losing what the other has noted.
func (d *desk) writeProgress(path string, change func(lab.Progress, time.Time) lab.Progress) error {
	lock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer lock.Close()
	p, err := d.readProgress(path)
	if err != nil {
		return err
	}
	beside := path + ".new"
	if err := os.WriteFile(beside, change(p, time.Now().UTC().Truncate(time.Second)).Format(), 0o600); err != nil {
		return err
	}
	return os.Rename(beside, path)
}
