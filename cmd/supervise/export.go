package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"supervise/internal/config"
	"supervise/internal/exports"
	"supervise/internal/exports/compose"
	"supervise/internal/exports/kubernetes"
	"supervise/internal/exports/systemd"
	"supervise/internal/nearest"
)

// exportFlags are the flags of `supervise export`.
type exportFlags struct {
	config string
	output string
	force  bool
	name   string
	images []string
}

// targets are what can be exported to.
func targets() []string { return []string{"systemd", "compose", "kubernetes"} }

func newExportCommand() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export systemd|compose|kubernetes [-c PATH] [-o DIR] [NAME...]",
		Short: "write systemd units, a compose file or a Kubernetes manifest from a configuration",
		Long: `Export reads a configuration, as "supervise up" would, and writes what does the
same elsewhere, to files in DIR or to standard output:

  systemd      a unit for each service and each socket, and a target for all
  compose      compose.yaml, a container for each service
  kubernetes   kubernetes.yaml: Deployments, Jobs for tasks, Services for ports

With NAME..., only these services and what they need.

Containers need images, which a configuration does not name: --image does, for
all or with SERVICE= for one. What a format has no word for is told on standard
error and stands as a comment in the file.

Exit status: 0 when the result was written, whatever was left out; 2 when
the configuration is invalid, or a file is there already.`,
		Example: `  supervise export systemd -o /tmp/units
  supervise export compose --image app:1.2 --image db=postgres:17 > compose.yaml
  supervise export kubernetes -c /etc/app --name app --image registry.example/app:1.2 | kubectl apply -f -`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return targets(), cobra.ShellCompDirectiveNoFileComp
			}
			return serviceNames(f.config), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.config, "config", "c", "", "`PATH` of the configuration: a TOML file, a directory or a Procfile")
	flags.StringVarP(&f.output, "output", "o", "", "write files into `DIR`, which is made if need be")
	flags.BoolVar(&f.force, "force", false, "overwrite files in DIR")
	flags.StringVar(&f.name, "name", "", "`NAME` of the whole (default: that of the configuration's directory)")
	flags.StringArrayVar(&f.images, "image", nil, "`[SERVICE=]IMAGE` of containers")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("image", cobra.NoFileCompletions))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("name", cobra.NoFileCompletions))
	return cmd
}

func (f *exportFlags) run(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("export to what? It is %s", strings.Join(targets(), ", "))
	}
	if !slices.Contains(targets(), args[0]) {
		hint := "it is " + strings.Join(targets(), ", ")
		if near := nearest.Word(args[0], targets()); near != "" {
			hint = "did you mean " + near + "?"
		}
		return fmt.Errorf("%q is nothing to export to; %s", args[0], hint)
	}
	path, err := configurationPath(f.config)
	if err != nil {
		return err
	}
	cfg, err := config.Load(path)
	if errs := (config.Errors)(nil); errors.As(err, &errs) {
		fmt.Fprintln(cmd.ErrOrStderr(), errs)
		return exit{status: exitUsage}
	} else if err != nil {
		return err
	}
	services := cfg.Services
	if named, err := match(services, args[1:]); err != nil {
		return err
	} else if len(named) > 0 {
		services = config.Needed(services, named)
	}
	options, err := f.options(path, services, args[0])
	if err != nil {
		return err
	}
	var r exports.Result
	switch args[0] {
	case "systemd":
		r = systemd.Export(services, options)
	case "compose":
		r = compose.Export(services, options)
	case "kubernetes":
		r = kubernetes.Export(services, options)
	}
	if err := f.write(cmd, r.Files); err != nil {
		return err
	}
	lost, differ := 0, 0
	for _, remark := range r.Remarks {
		fmt.Fprintln(cmd.ErrOrStderr(), remark)
		if remark.Kept {
			differ++
		} else {
			lost++
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "supervise: %s in %s; %d not carried over, %d with another meaning\n", count(len(services), "service"), count(len(r.Files), "file"), lost, differ)
	return nil
}

// options are what the flags say, and where the configuration is.
func (f *exportFlags) options(path string, services []config.Service, target string) (exports.Options, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return exports.Options{}, exit{exitFailed, err}
	}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	o := exports.Options{Name: f.name, Dir: dir}
	if o.Name == "" {
		o.Name = strings.Trim(regexp.MustCompile(`[^a-z0-9-]+`).ReplaceAllString(strings.ToLower(filepath.Base(dir)), "-"), "-")
		o.Name = strings.TrimLeft(o.Name, "-0123456789")
		if o.Name == "" {
			o.Name = "app"
		}
	} else if !regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`).MatchString(f.name) {
		return o, fmt.Errorf("--name: %q cannot be the name; it is of up to 41 small letters, digits and dashes, and begins with a letter", f.name)
	}
	of := map[string]string{}
	for _, image := range f.images {
		service, name, found := strings.Cut(image, "=")
		if !found {
			service, name = "", image
		}
		if name == "" {
			return o, fmt.Errorf("--image %s names no image; write --image SERVICE=IMAGE", image)
		}
		of[service] = name
	}
	for _, service := range slices.Sorted(maps.Keys(of)) {
		if target == "systemd" {
			return o, errors.New("--image means nothing for systemd: units run programs of the machine")
		}
		if service != "" && !slices.ContainsFunc(services, func(s config.Service) bool { return s.Template == service }) {
			_, err := match(services, []string{service})
			return o, fmt.Errorf("--image: %w", err)
		}
	}
	o.Images = func(service string) string {
		if of[service] != "" {
			return of[service]
		}
		return of[""]
	}
	return o, nil
}

// write writes the files, all or none of them.
func (f *exportFlags) write(cmd *cobra.Command, files []exports.File) error {
	if f.output == "" {
		for i, file := range files {
			if len(files) > 1 {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				fmt.Fprintf(cmd.OutOrStdout(), "# %s\n", file.Name)
			}
			if err := writeNew(cmd.OutOrStdout(), "", []byte(file.Data), false); err != nil {
				return err
			}
		}
		return nil
	}
	if err := os.MkdirAll(f.output, 0o755); err != nil {
		return exit{exitFailed, fmt.Errorf("cannot make the directory for the result: %w", err)}
	}
	for _, file := range files {
		path := filepath.Join(f.output, file.Name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) && !f.force {
			return exit{exitUsage, fmt.Errorf("%s is there already, and nothing was written; --force overwrites it", path)}
		}
	}
	for _, file := range files {
		if err := writeNew(nil, filepath.Join(f.output, file.Name), []byte(file.Data), f.force); err != nil {
			return err
		}
	}
	return nil
}
