package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// memoryRoom is how much more memory supervise and its services may take than at
// the start, where a cgroup can say so.
const memoryRoom = 192 << 20

// group is a cgroup of our own in which supervise runs with all that is below it:
// one directory, or with cgroup v1 one for each controller. Nothing of anybody else's
// is ever in it.
type group struct {
	PIDs, Memory string // "": there is no such controller here
}

// newGroup makes it below the group that we are in.
func newGroup(name string) (g group) {
	g.PIDs, g.Memory = makeGroup("pids", name), makeGroup("memory", name)
	return g
}

func makeGroup(controller, name string) string {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	groups, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(mounts)) {
		left, right, _ := strings.Cut(line, " - ")
		fields := strings.Fields(left)
		kind := strings.Fields(right)
		if len(fields) < 5 || len(kind) < 3 || fields[3] != "/" {
			continue
		}
		var own string
		switch {
		case kind[0] == "cgroup" && has(kind[2], controller):
			own = pathIn(string(groups), controller)
		case kind[0] == "cgroup2":
			own = pathIn(string(groups), "")
			available, _ := os.ReadFile(filepath.Join(fields[4], own, "cgroup.subtree_control"))
			if !has(strings.Join(strings.Fields(string(available)), ","), controller) {
				continue
			}
		default:
			continue
		}
		dir := filepath.Join(fields[4], own, name)
		if err := os.Mkdir(dir, 0o755); err == nil || errors.Is(err, os.ErrExist) {
			return dir
		}
	}
	return ""
}

func has(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// pathIn reads /proc/PID/cgroup; controller "" is cgroup v2.
func pathIn(groups, controller string) string {
	for line := range strings.Lines(groups) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 && (controller == "" && f[1] == "" || controller != "" && has(f[1], controller)) {
			return f[2]
		}
	}
	return "/"
}

// dirs are its directories.
func (g group) dirs() (all []string) {
	for _, dir := range []string{g.PIDs, g.Memory} {
		if dir != "" && (len(all) == 0 || all[0] != dir) {
			all = append(all, dir)
		}
	}
	return all
}

// remove removes it, as soon as the last process of the namespace has left it.
func (g group) remove() (err error) {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err = nil
		for _, dir := range g.dirs() {
			if e := os.Remove(dir); e != nil && !errors.Is(e, os.ErrNotExist) {
				err = e
			}
		}
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

// limitPIDs lets so many more processes and threads be made; less than 0: any number.
func (g group) limitPIDs(room int) error {
	if room < 0 {
		return write(filepath.Join(g.PIDs, "pids.max"), "max")
	}
	b, err := os.ReadFile(filepath.Join(g.PIDs, "pids.current"))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return err
	}
	return write(filepath.Join(g.PIDs, "pids.max"), strconv.Itoa(n+room))
}

// limitMemory allows memoryRoom beyond what is used now.
func (g group) limitMemory() error {
	for used, limit := range map[string]string{"memory.usage_in_bytes": "memory.limit_in_bytes", "memory.current": "memory.max"} {
		b, err := os.ReadFile(filepath.Join(g.Memory, used))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			return err
		}
		return write(filepath.Join(g.Memory, limit), strconv.Itoa(n+memoryRoom))
	}
	return errors.New("no limit of memory is known here")
}

// freeMemory takes the limit away.
func (g group) freeMemory() error {
	if write(filepath.Join(g.Memory, "memory.limit_in_bytes"), "-1") == nil {
		return nil
	}
	return write(filepath.Join(g.Memory, "memory.max"), "max")
}

func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// limitDescriptors lets supervise open so many more; less than 0: as many as at the
// start.
func (s *stage) limitDescriptors(room int) error {
	limit := s.descriptors
	if room >= 0 {
		m, err := measure(s.pid)
		if err != nil {
			return err
		}
		limit.Cur = uint64(m.Descriptors + room)
	}
	if err := unix.Prlimit(s.pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		return fmt.Errorf("limiting the descriptors of supervise: %w", err)
	}
	return nil
}
