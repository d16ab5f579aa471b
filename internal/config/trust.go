package config

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// checkTrust reports a file (or directory) of the configuration that somebody
// else could change to make root run what they like. It matters only when we
// are root.
//
// Writable by others, or by a group that is not root's, is an error; so is a
// file in such a directory, unless the directory is sticky, as /tmp is: then
// others cannot replace what is not theirs. In the directory of a directory
// configuration they could still add a service, so there sticky is not enough.
//
// A file that belongs to another user is a warning only, and not even that
// when it is the user who called sudo. It is the same danger on a server, but
// in a container, as root over a developer's mounted files, it is daily life,
// and to refuse would teach people to chown without thinking.
//
// Nothing on a file system mounted read-only is reported: nobody can write
// there, and the volumes that Kubernetes makes of a ConfigMap look open to all.
func (l *loader) checkTrust(path string) {
	if os.Geteuid() != 0 {
		return
	}
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
		return // reading it fails too, and says so; or it is a pipe or /dev/stdin
	}
	l.checkOwner(path, info)
	l.checkWriters(path, info, info.IsDir())
	parent := filepath.Dir(path)
	if info.IsDir() || parent == l.path {
		return // a directory configuration itself, or a file of one
	}
	if info, err := os.Stat(parent); err == nil && info.Mode()&fs.ModeSticky == 0 {
		l.checkWriters(parent, info, false)
	}
}

func (l *loader) checkWriters(path string, info fs.FileInfo, isConfig bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || isReadOnly(path) {
		return
	}
	who := writers(info.Mode(), st.Gid)
	if who == "" {
		return
	}
	what := "can be written by " + who
	if info.IsDir() && !isConfig {
		what = "is the directory of the configuration and " + what
	}
	l.failAt(Position{File: path}, "", what+", who could so make root run anything", "chmod go-w "+path)
}

// writers names those who may write a file beside its owner, "" for nobody.
func writers(mode fs.FileMode, gid uint32) string {
	switch {
	case mode&0o002 != 0:
		return "everybody"
	case mode&0o020 != 0 && gid != 0:
		return fmt.Sprintf("the group %d", gid)
	}
	return ""
}

func (l *loader) checkOwner(path string, info fs.FileInfo) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 || l.owners[st.Uid] || isReadOnly(path) || os.Getenv("SUDO_UID") == strconv.Itoa(int(st.Uid)) {
		return
	}
	if l.owners == nil {
		l.owners = map[uint32]bool{}
	}
	l.owners[st.Uid] = true // said once is enough
	l.warnAt(Position{File: path}, "", fmt.Sprintf("belongs to the user %d, who can so make root run anything", st.Uid), "chown root "+path)
}

func isReadOnly(path string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(path, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0
}
