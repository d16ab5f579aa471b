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
// Writable by others, or by a group that is not root's, is an error, as for
// sudo, cron and sshd; so is a file in such a directory, or one that a symbolic
// link there leads to, unless the directory is sticky, as /tmp is: then others
// cannot replace what is not theirs. In the directory of a directory
// configuration they could still add a service, so there sticky is not enough.
// Such a directory further up is a warning: who may rename what is in it could
// put another configuration in the place of this one, but containers have
// volumes that are open to all and are nobody's but theirs.
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
	inside := filepath.Dir(path) == l.path // a file of a directory configuration, which was looked at
	if _, err := os.Readlink(path); inside && err != nil {
		return
	}
	holds, above := wayTo(path)
	for i, dir := range holds {
		switch held, err := os.Stat(dir); {
		case err != nil || held.Mode()&fs.ModeSticky != 0 || i == 0 && inside:
		case info.IsDir():
			above = append(above, dir)
		default:
			l.checkWriters(dir, held, false)
		}
	}
	for _, dir := range above {
		l.checkAbove(dir)
	}
}

// wayTo gives the directories that decide which file a path means: those that
// hold the file and each link at the end of the way, and those further up, by
// their own names and by those of links.
func wayTo(path string) (holds, above []string) {
	seen := map[string]bool{}
	var named []string
	at := absolutely(path)
	for range 40 { // links, as the kernel counts them
		dir := filepath.Dir(at)
		named = append(named, dir)
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		if !seen[dir] {
			seen[dir] = true
			holds = append(holds, dir)
		}
		to, err := os.Readlink(at)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		at = to
	}
	for _, dir := range append(named, holds...) {
		for up := filepath.Dir(dir); !seen[up]; up = filepath.Dir(up) {
			seen[up] = true
			above = append(above, up)
		}
	}
	return holds, above
}

// absolutely is absolute of a path that is nobody's.
func absolutely(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// checkAbove warns of a directory on the way to the configuration that anybody
// could rename things in.
func (l *loader) checkAbove(dir string) {
	if !openToAll(dir) {
		return
	}
	l.warnAt(Position{File: dir}, "", "is on the way to the configuration and can be written by everybody, who could put another one in its place", "chmod o-w "+dir)
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

// openToAll says that anybody can replace what is in a directory.
func openToAll(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.Mode()&fs.ModeSticky == 0 && info.Mode()&0o002 != 0 && !isReadOnly(dir)
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

// suspect says why root should not run a program, and what to do; "": nothing
// speaks against it. That is a warning at most: a program may be whose it has to
// be, and what a shell or an interpreter is given to read is not looked at.
func suspect(path string) (why, remedy string) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return "", ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", ""
	}
	if who := writers(info.Mode(), st.Gid); who != "" && !isReadOnly(path) {
		return "can be written by " + who, "chmod go-w " + path
	}
	holds, _ := wayTo(path)
	for _, dir := range holds {
		// Of a group that may write there nothing is said: /usr/local/bin has one,
		// on some distributions.
		if openToAll(dir) {
			return "is in " + dir + ", which can be written by everybody", "chmod o-w " + dir
		}
	}
	return "", ""
}

// runsAsRoot says whether a service that does not change its user may.
func (d *draft) runsAsRoot() bool {
	return os.Geteuid() == 0 && (d.User == "" || d.User == "root" || d.User == "0")
}

// checkScripts warns of a service directory of runit's in which others could
// change what is run. It is no error, since it is none for runit, whose
// directories are to work unchanged.
func (l *loader) checkScripts(d *draft) {
	if !d.runsAsRoot() {
		return
	}
	for _, name := range []string{".", "run", "finish", "control"} {
		path := filepath.Join(d.Runit.Path, name)
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			if who := writers(info.Mode(), st.Gid); who != "" && !isReadOnly(path) {
				l.warnAt(Position{File: path}, "", "can be written by "+who+", who could so make root run anything", "chmod go-w "+path)
			}
		}
	}
}

// checkRunitDir warns of others who could get at the pipes by which sv steers the
// services of a TOML configuration: letters in them are obeyed, whoever wrote them.
func (l *loader) checkRunitDir() {
	n := l.common["runit_dir"]
	if os.Geteuid() != 0 || n == nil || l.supervisor.RunitDir == "" {
		return
	}
	places := []string{l.supervisor.RunitDir}
	for _, d := range l.drafts {
		places = append(places, filepath.Join(l.supervisor.RunitDir, d.Name))
	}
	for _, path := range places {
		info, err := os.Lstat(path)
		if err != nil || info.Mode()&fs.ModeSymlink != 0 && path == l.supervisor.RunitDir {
			continue // made by us; or made by who wrote the configuration
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		switch {
		case !ok:
		case st.Uid != 0 && os.Getenv("SUDO_UID") != strconv.Itoa(int(st.Uid)):
			l.warnAt(n.at, n.path, fmt.Sprintf("%s belongs to the user %d, who could so start, stop and signal services", path, st.Uid), "chown root "+path)
		case info.Mode()&(fs.ModeSymlink|fs.ModeSticky) == 0:
			if who := writers(info.Mode(), st.Gid); who != "" {
				l.warnAt(n.at, n.path, path+" can be written by "+who+", who could so start, stop and signal services", "chmod go-w "+path)
			}
		}
	}
}
