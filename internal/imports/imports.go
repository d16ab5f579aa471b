// Package imports holds what all imports have in common: the configuration
// that an import writes, and what it could not carry over into it.
//
// The packages below it each read one format: systemd, supervisord, runit and
// procfile. They fill in a [Document]: for each service its keys, and a
// [Remark] for whatever of the source has no key of ours or means something
// else here. [Document.Write] writes it as TOML, each remark as a comment where
// it belongs.
//
// # What it promises
//
// What is written is accepted by [config.Parse], whatever the source was: names
// are possible and unique, needs lead to services of the same document and never
// in a circle, no two services write one log file or listen on one address.
// What had to be changed for that is a remark too. Nothing of a source is passed
// over in silence, but what only describes (Description=, comments) and what
// supervise does anyway.
//
// # What it never does
//
// It starts nothing and writes no file. All that it reads comes through a
// [World].
package imports

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"supervise/internal/config"
)

// World is what an import may look at.
type World struct {
	FS     fs.FS                               // the machine's files, by absolute paths without their first slash
	Getenv func(name string) (string, bool)    // the environment
	Home   func(account string) (string, bool) // the home directory of a user; "" is who runs the import
}

// maxSource is far above what anybody writes by hand.
const maxSource = 4 << 20

// Read gives the text of the file at an absolute path. The error is a
// [config.Error] that names it.
func (w World) Read(name string) (string, error) {
	wrong := func(msg, hint string) error {
		return config.Error{Position: config.Position{File: name}, Msg: msg, Hint: hint}
	}
	info, err := fs.Stat(w.FS, inFS(name))
	switch {
	case err != nil:
		return "", wrong("cannot be read: "+reason(err), "")
	case info.IsDir():
		return "", wrong("is a directory", "name a file")
	case info.Size() > maxSource:
		return "", wrong(fmt.Sprintf("is longer than %d bytes", maxSource), "is it the right file?")
	}
	data, err := fs.ReadFile(w.FS, inFS(name))
	if err != nil {
		return "", wrong("cannot be read: "+reason(err), "")
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return "", wrong("is not text", "it is to be UTF-8 without NUL bytes")
	}
	return strings.ReplaceAll(text, "\r\n", "\n"), nil
}

// Glob gives the files that a pattern of absolute paths matches, sorted.
func (w World) Glob(pattern string) []string {
	found, _ := fs.Glob(w.FS, inFS(pattern))
	for i := range found {
		found[i] = "/" + found[i]
	}
	return found
}

// Names gives the names in a directory, none when there is no such directory.
func (w World) Names(dir string) []string {
	entries, _ := fs.ReadDir(w.FS, inFS(dir))
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// IsFile says whether there is a file, whatever it holds.
func (w World) IsFile(name string) bool {
	info, err := fs.Stat(w.FS, inFS(name))
	return err == nil && !info.IsDir()
}

// IsDir says whether there is a directory.
func (w World) IsDir(name string) bool {
	info, err := fs.Stat(w.FS, inFS(name))
	return err == nil && info.IsDir()
}

// inFS is an absolute path as package fs wants it.
func inFS(name string) string {
	if name = strings.TrimPrefix(path.Clean(name), "/"); name == "" {
		return "."
	}
	return name
}

func reason(err error) string {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	return err.Error()
}

// Remark is something of the source that is not, or not exactly, in what was
// made of it.
type Remark struct {
	At      config.Position
	What    string // as it stands there: "PrivateTmp=true"
	Why     string // "supervise has no sandbox"
	Instead string // what to do; may be ""
	Kept    bool   // it was carried over, but means something else here
}

// String gives one line: "file:line: PrivateTmp=true: not carried over: why; what to do".
func (r Remark) String() string {
	verdict := "not carried over: "
	if r.Kept {
		verdict = "differs: "
	}
	text := clip(r.What) + ": " + verdict + oneLine(r.advice())
	if at := r.At.String(); at != "" {
		text = at + ": " + text
	}
	return text
}

func (r Remark) advice() string {
	if r.Instead == "" {
		return r.Why
	}
	return r.Why + "; " + r.Instead
}
