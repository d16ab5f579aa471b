package test

import (
	endian "encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// runitStatus is what the files of one supervise directory tell. See the format
// in runsv's update_status.
type runitStatus struct {
	since        time.Time
	pid          int
	paused, term byte
	want, state  byte
	stat         string
	broken       string // what is wrong with the files, if anything is
}

// readRunitStatus reads the files of a service, or of its log.
func readRunitStatus(service string) (s runitStatus) {
	dir := filepath.Join(service, "supervise")
	b := readAll(filepath.Join(dir, "status"))
	if len(b) != 20 {
		s.broken = fmt.Sprintf("status has %d bytes", len(b))
		return s
	}
	const tai = 4611686018427387914 // second 0 of Unix
	nano := endian.BigEndian.Uint32(b[8:])
	s.since = time.Unix(int64(endian.BigEndian.Uint64(b)-tai), int64(nano))
	s.pid = int(endian.LittleEndian.Uint32(b[12:]))
	s.paused, s.want, s.term, s.state = b[16], b[17], b[18], b[19]
	s.stat = strings.TrimSuffix(string(readAll(filepath.Join(dir, "stat"))), "\n")
	text := ""
	if s.pid != 0 {
		text = strconv.Itoa(s.pid) + "\n"
	}
	if got := string(readAll(filepath.Join(dir, "pid"))); got != text {
		s.broken = fmt.Sprintf("pid is %q", got)
	}
	if nano >= 1e9 {
		s.broken = fmt.Sprintf("status has %d nanoseconds", nano)
	}
	return s
}

// supervisedByRunit says whether somebody has the service: whether the pipe
// supervise/ok has a reader.
func supervisedByRunit(service string) bool {
	fd, err := unix.Open(filepath.Join(service, "supervise/ok"), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err == nil
}

// runitView is what was seen of a scene, up to now.
type runitView struct {
	place  string
	begin  time.Time              // of the step that is looked at
	halves map[string]runitStatus // services and logs, as last seen
	read   map[string]int         // how much of each journal
	skip   bool                   // what was written since then is chance
	// At the end only those are looked at that hold on; and with us, those that do
	// with runit.
	stubborn bool
	only     []string
}

func (v runitView) clone() runitView {
	v.halves, v.read = maps.Clone(v.halves), maps.Clone(v.read)
	return v
}

// take tells what there is now: the state of each service, what is new in its
// journal. Pids and times are masked; what is told is whether they are those of
// before.
func (v *runitView) take() (text string) {
	for _, dir := range v.dirs() {
		name := strings.TrimPrefix(dir, v.place+"/")
		if v.stubborn && !supervisedByRunit(dir) || v.only != nil && !slices.Contains(v.only, name) {
			continue
		}
		text += v.half(dir)
		text += v.journal(dir)
	}
	v.skip, v.only = v.skip && v.stubborn, nil
	return text
}

// stubbornOf gives those that a record tells of.
func stubbornOf(record string) []string {
	names := []string{}
	for line := range strings.Lines(record) {
		if name, _, is := strings.Cut(line, ": "); is && !strings.HasPrefix(line, " ") {
			names = append(names, name)
		}
	}
	return names
}

// dirs are the directories that have a directory supervise: services and logs.
func (v *runitView) dirs() (dirs []string) {
	for _, pattern := range []string{"*/*/supervise", "*/*/log/supervise"} {
		found, _ := filepath.Glob(filepath.Join(v.place, pattern))
		for _, dir := range found {
			if fi, err := os.Lstat(filepath.Dir(dir)); err == nil && fi.IsDir() {
				dirs = append(dirs, filepath.Dir(dir))
			}
		}
	}
	slices.Sort(dirs)
	return dirs
}

func (v *runitView) half(dir string) string {
	name := strings.TrimPrefix(dir, v.place+"/")
	if !supervisedByRunit(dir) {
		delete(v.halves, dir)
		return name + ": not supervised\n"
	}
	now := readRunitStatus(dir)
	if now.broken != "" {
		return name + ": " + now.broken + "\n"
	}
	before, known := v.halves[dir]
	pid, since := "none", "same"
	if now.pid != 0 {
		pid = "same"
		if before.pid != now.pid {
			pid = "new"
		}
		switch stateOf(now.pid) {
		case "", "Z":
			pid += ", gone"
		case "T":
			pid += ", stopped"
		}
	}
	switch {
	case !known:
		since = "first"
	case now.since.After(before.since) && now.since.Before(v.begin):
		since = "before the step"
	case now.since.After(before.since):
		since = "new"
	case now.since.Before(before.since):
		since = "earlier"
	}
	v.halves[dir] = now
	return fmt.Sprintf("%s: %q want=%c term=%d paused=%d state=%d pid=%s since=%s\n",
		name, now.stat, now.want, now.term, now.paused, now.state, pid, since)
}

// journal tells the new lines. Equal ones are told once: signals that come while
// one of their kind is pending merge.
func (v *runitView) journal(dir string) (text string) {
	b := readAll(filepath.Join(dir, "journal"))
	fresh := b[min(v.read[dir], len(b)):]
	v.read[dir] = len(b)
	if v.skip {
		return ""
	}
	before := ""
	for line := range strings.Lines(string(fresh)) {
		if line == before {
			continue
		}
		before = line
		text += "    " + strings.ReplaceAll(strings.TrimSuffix(line, "\n"), v.place, "SCENE") + "\n"
	}
	return text
}
