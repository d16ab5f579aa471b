package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"supervise/internal/config"
	"supervise/internal/imports"
	"supervise/internal/imports/procfile"
	"supervise/internal/imports/runit"
	"supervise/internal/imports/supervisord"
	"supervise/internal/imports/systemd"
	"supervise/internal/nearest"
)

// importFlags are the flags of `supervise import`.
type importFlags struct {
	from      string
	output    string
	force     bool
	formation map[string]int
}

// formats are what can be imported.
func formats() []string { return []string{"systemd", "supervisord", "procfile", "runit"} }

func newImportCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import [--from FORMAT] PATH... [-o FILE]",
		Short: "make a configuration of systemd units, a supervisord.conf, a Procfile or runit directories",
		Long: `Import reads what another supervisor runs and writes a configuration in TOML
that does the same, to FILE or to standard output.

PATH is a systemd unit (NAME.service or NAME.socket, with its drop-ins; a bare
name is looked for where systemd would; NAME@INSTANCE.service is read from the
template), a supervisord.conf, a Procfile, or a runit service directory or a
directory of such. The format is seen from the path; --from tells it otherwise.
Several units that are named together keep their order.

What could not be carried over, or means something else here, is told on
standard error, a "file:line: setting: why; what to do" for each, and stands
as a comment in the result. The result is one that "supervise check" accepts, as
far as the programs are there.

Exit status: 0 when the result was written, whatever was left out; 2 when
PATH cannot be read as what it is to be, or FILE is there already.`,
		Example: `  supervise import nginx.service redis-server.service -o supervise.toml
  supervise import /etc/supervisor/supervisord.conf | less
  supervise import --formation web=2,worker=3 Procfile -o supervise.toml
  supervise import /etc/sv -o supervise.toml
  supervise import app.service app.socket 2> left-out.txt > supervise.toml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("import what? Name a unit, a supervisord.conf, a Procfile or a runit directory")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.from, "from", "", "`FORMAT` of PATH: "+strings.Join(formats(), ", "))
	fs.StringVarP(&f.output, "output", "o", "", "write to `FILE`, which must not be there yet")
	fs.BoolVar(&f.force, "force", false, "overwrite FILE")
	fs.StringToIntVar(&f.formation, "formation", nil, "of a Procfile: how many of each, as in `web=2,worker=0`")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(formats(), cobra.ShellCompDirectiveNoFileComp)))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("formation", cobra.NoFileCompletions))
	return cmd
}

func (f *importFlags) run(cmd *cobra.Command, args []string) error {
	if f.from != "" && !slices.Contains(formats(), f.from) {
		hint := "they are " + strings.Join(formats(), ", ")
		if near := nearest.Word(f.from, formats()); near != "" {
			hint = "did you mean " + near + "?"
		}
		return fmt.Errorf("--from: %q is no format that can be imported; %s", f.from, hint)
	}
	world := imports.World{FS: os.DirFS("/"), Getenv: os.LookupEnv, Home: homeOf}
	doc, err := f.read(world, args)
	if err != nil {
		return err
	}
	if len(doc.Services) == 0 {
		tellRemarks(cmd, doc)
		return exit{exitUsage, fmt.Errorf("there is nothing to run in %s, so nothing was written", strings.Join(args, ", "))}
	}
	var text bytes.Buffer
	if err := doc.Write(&text, "Made by: supervise import "+strings.Join(args, " ")); err != nil {
		return exit{exitFailed, err}
	}
	if _, err := config.Parse("the result", text.String()); err != nil {
		return exit{exitFailed, fmt.Errorf("the result would not be accepted, which is a defect of supervise import; nothing was written: %w", err)}
	}
	if err := writeNew(cmd.OutOrStdout(), f.output, text.Bytes(), f.force); err != nil {
		return err
	}
	tellRemarks(cmd, doc)
	return nil
}

// tellRemarks tells what was not carried over, and what differs.
func tellRemarks(cmd *cobra.Command, doc *imports.Document) {
	lost, differ := 0, 0
	for _, r := range doc.AllRemarks() {
		fmt.Fprintln(cmd.ErrOrStderr(), r)
		if r.Kept {
			differ++
		} else {
			lost++
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "supervise: %s; %d not carried over, %d with another meaning\n", count(len(doc.Services), "service"), lost, differ)
}

// read gives each format its paths, in the order in which they were named.
func (f *importFlags) read(world imports.World, args []string) (*imports.Document, error) {
	of := map[string][]string{}
	for _, arg := range args {
		path, format, err := f.recognise(world, arg)
		if err != nil {
			return nil, err
		}
		of[format] = append(of[format], path)
	}
	doc := &imports.Document{}
	for _, format := range formats() {
		if len(of[format]) == 0 {
			continue
		}
		var one *imports.Document
		var err error
		switch format {
		case "systemd":
			one, err = systemd.Import(world, of[format])
		case "supervisord":
			one, err = supervisord.Import(world, of[format])
		case "procfile":
			one, err = procfile.Import(world, of[format], f.formation)
		case "runit":
			one, err = runit.Import(world, of[format])
		}
		if errs := (config.Errors)(nil); errors.As(err, &errs) {
			return nil, exit{exitUsage, errs}
		} else if err != nil {
			return nil, exit{exitUsage, err}
		}
		doc.Join(one)
	}
	if len(f.formation) > 0 && len(of["procfile"]) == 0 {
		return nil, errors.New("--formation is of a Procfile, and none is imported")
	}
	doc.Finish()
	return doc, nil
}

// recognise finds out what is at a path that somebody named.
func (f *importFlags) recognise(world imports.World, arg string) (path, format string, err error) {
	if path, err = filepath.Abs(arg); err != nil {
		return "", "", exit{exitFailed, fmt.Errorf("%s: %w", arg, err)}
	}
	name := filepath.Base(path)
	_, missing := os.Stat(path)
	switch {
	case f.from != "":
		format = f.from
	case systemd.IsUnit(name):
		format = "systemd"
	case name == "Procfile" || strings.HasPrefix(name, "Procfile."):
		format = "procfile"
	case runit.IsDirectory(world, path):
		format = "runit"
	case missing == nil && supervisord.IsConfiguration(world, path):
		format = "supervisord"
	}
	if found, ok := systemd.Find(world, name); format == "systemd" && !strings.Contains(arg, "/") && ok && errors.Is(missing, fs.ErrNotExist) {
		return found, format, nil
	}
	switch {
	case format != "":
		return path, format, nil
	case missing != nil:
		return "", "", exit{exitUsage, fmt.Errorf("%s cannot be read: %w", arg, errors.Unwrap(missing))}
	}
	return "", "", exit{exitUsage, fmt.Errorf("%s: what format is it? It has no name and no content that tells; write --from %s", arg, strings.Join(formats(), ", or --from "))}
}

// homeOf gives the home directory of a user, that of our own for "".
func homeOf(account string) (string, bool) {
	if account == "" {
		home, err := os.UserHomeDir()
		return home, err == nil
	}
	u, err := user.Lookup(account)
	if err != nil {
		u, err = user.LookupId(account)
	}
	if err != nil || !filepath.IsAbs(u.HomeDir) {
		return "", false
	}
	return u.HomeDir, true
}
