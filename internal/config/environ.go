package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// DefaultPath is where programs are looked up when there is no PATH at all.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Environ gives the whole environment of a service, each variable once: own
// (ours) unless EnvClear, over that the environment files, over these Env. It
// reads the files anew each time.
func (s Service) Environ(own []string) ([]string, error) {
	var out []string
	at := map[string]int{}
	add := func(vars []string) {
		for _, v := range vars {
			name, _, _ := strings.Cut(v, "=")
			if i, ok := at[name]; ok {
				out[i] = v
				continue
			}
			at[name] = len(out)
			out = append(out, v)
		}
	}
	if !s.EnvClear {
		add(own)
	}
	for _, path := range s.EnvFile {
		vars, err := ReadEnvFile(path)
		if err != nil {
			return nil, err
		}
		add(vars)
	}
	add(s.Env)
	return out, nil
}

// LookProgram finds a program as a service would: one with a slash in its name
// relative to dir, any other in the PATH of env. The error wraps
// [fs.ErrNotExist] or [fs.ErrPermission].
func LookProgram(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		return path, checkProgram(path)
	}
	search := searchPath(env)
	var denied error
	for _, in := range filepath.SplitList(search) {
		if !filepath.IsAbs(in) {
			in = filepath.Join(dir, in)
		}
		path := filepath.Join(in, name)
		err := checkProgram(path)
		if err == nil {
			return path, nil
		}
		if denied == nil && errors.Is(err, fs.ErrPermission) {
			denied = err // execvp(3) goes on too, and reports it at the end
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", problem{text: fmt.Sprintf("the program %q was not found in PATH (%s)", name, search), is: fs.ErrNotExist}
}

// searchPath gives the PATH of an environment, DefaultPath when it has none.
func searchPath(env []string) string {
	search := DefaultPath
	for _, v := range env {
		if p, ok := strings.CutPrefix(v, "PATH="); ok {
			search = p
		}
	}
	return search
}

// checkProgram says why path cannot be executed.
func checkProgram(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return problem{text: "the program " + path + " does not exist", is: fs.ErrNotExist}
	case err != nil:
		return problem{text: fmt.Sprintf("the program %s cannot be examined: %v", path, reason(err)), is: err}
	case info.IsDir():
		return problem{text: path + " is a directory, not a program", is: fs.ErrPermission}
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return problem{text: path + " is not executable", is: fs.ErrPermission}
	}
	return nil
}

// problem is an error in our words that still is the system's.
type problem struct {
	text string
	is   error
}

func (p problem) Error() string { return p.text }
func (p problem) Unwrap() error { return p.is }
