// Package config reads what is to be run and how, and says whether that makes
// sense before anything is started.
//
// # What it reads
//
// [Load] takes a path:
//
//   - a TOML file: [supervisor], [defaults], and a table [services.NAME] for
//     each service;
//   - a directory: each NAME.toml is one service, its keys at the top of the
//     file; supervise.toml beside them holds [supervisor] and [defaults] only;
//   - a Procfile (a file called Procfile or Procfile.something): a line
//     "name: command" for each service, run by sh -c, with the .env beside it.
//
// [Find] picks one of ./supervise.toml, ./services/ and ./Procfile.
//
// # What it promises
//
// A [Config] is valid and complete: names are unique, needs lead to services
// that exist and never in a circle, every program was there and executable,
// and every value that was left out has its default (see [Defaults]; what
// [defaults] says goes before it, what the service says before both: key by
// key in tables, arrays as a whole).
//
// If anything is wrong, there is no Config but [Errors]: all that is wrong, each
// with file, line, column, key and, where one can be guessed, what was meant.
// What is only doubtful, such as a user that does not exist yet, is in
// Config.Warnings: the service itself will fail at its start and follow its
// own policy.
//
// # Instances
//
// A service with instances = 3 becomes NAME@1, NAME@2 and NAME@3. In command,
// dir, env and env_file, and in all strings of probes, hooks and watches, %i is
// the number, %n the whole name and %% a percent sign. To need NAME is to need
// all of them, to need NAME@2 that one. A table may also be called NAME@2
// itself; then it is that one instance.
//
// # Paths
//
// dir, env_file, ready.path and watch.paths are relative to the file in which
// they stand; a program with a slash in its name is relative to dir. dir is the
// directory of its file unless said otherwise. A program without a slash is
// looked up in the PATH that the service itself gets.
//
// # Trust
//
// Who may write a configuration of root's may do all that root may. So when we
// are root, a file that others may write is an error; see checkTrust.
//
// # What it never does
//
// It starts nothing, changes nothing and keeps nothing open. It reads files
// and asks the system about users and programs while Load runs, and at no
// other time.
package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Load reads the configuration at path. The error, if any, is of type [Errors].
func Load(path string) (*Config, error) {
	l := &loader{path: filepath.Clean(path), supervisor: defaultSupervisor()}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, Errors{{Position: Position{File: path}, Msg: "cannot be read: " + reason(err).Error()}}
	case info.IsDir():
		l.directory(path)
	case isProcfile(path):
		l.procfile(path)
	default:
		l.file(path)
	}
	l.checkMachine()
	return l.config()
}

// Parse reads the text of a TOML file as [Load] reads the file at that path, but
// does not look at this machine: whether programs, files and accounts are there
// is not its question. The error, if any, is of type [Errors].
func Parse(path, text string) (*Config, error) {
	l := &loader{path: filepath.Clean(path), supervisor: defaultSupervisor(), howToBegin: howToBeginFile}
	l.fileText(path, text)
	return l.config()
}

// Find gives the path of the configuration that is meant when none is named:
// supervise.toml in dir, else services/, else Procfile.
func Find(dir string) (string, error) {
	for _, name := range []string{"supervise.toml", "services", "Procfile"} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err == nil && info.IsDir() == (name == "services") {
			return path, nil
		}
	}
	return "", fmt.Errorf("no configuration found in %s: looked for supervise.toml, services/ and Procfile; name another with -c PATH", dir)
}

func isProcfile(path string) bool {
	name := filepath.Base(path)
	return name == "Procfile" || strings.HasPrefix(name, "Procfile.")
}
