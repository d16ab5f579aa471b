package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"supervise/internal/procfs"
)

// measures are taken of supervise from outside, at rest.
type measures struct {
	At                   time.Duration // since the beginning
	Acts                 int           // so far
	Descriptors, Threads int
	AnonKB, ResidentKB   int
	Children             int // zombies of its among them
	Zombies              int
}

func measure(pid int) (m measures, err error) {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return m, err
	}
	m.Descriptors = len(fds)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		switch name {
		case "Threads":
			m.Threads = n
		case "RssAnon":
			m.AnonKB = n
		case "VmRSS":
			m.ResidentKB = n
		}
	}
	all, err := procfs.All()
	for _, p := range all {
		if p.PPID == pid {
			m.Children++
			if p.Gone() {
				m.Zombies++
			}
		}
	}
	return m, err
}

// descriptorTargets lists what the descriptors lead to, for a failure.
func descriptorTargets(pid int) map[string]int {
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	fds, _ := os.ReadDir(dir)
	targets := map[string]int{}
	for _, fd := range fds {
		if to, err := os.Readlink(dir + fd.Name()); err == nil {
			kind, _, _ := strings.Cut(to, ":[")
			targets[kind]++
		}
	}
	return targets
}
