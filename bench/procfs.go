package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// descendants gives all processes below root, in the order of their numbers.
func descendants(root int) []int {
	parent := map[int]int{}
	var all []int
	for _, pid := range processes() {
		if ppid, ok := parseParent(readFile(fmt.Sprintf("/proc/%d/stat", pid))); ok {
			parent[pid] = ppid
			all = append(all, pid)
		}
	}
	var below []int
	for _, pid := range all {
		for p, steps := parent[pid], 0; p != 0 && steps < len(all); p, steps = parent[p], steps+1 {
			if p == root {
				below = append(below, pid)
				break
			}
		}
	}
	return below
}

func processes() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// parseParent finds the parent in /proc/PID/stat. The name before it is in
// parentheses and may itself hold spaces and parentheses.
func parseParent(stat string) (ppid int, ok bool) {
	end := strings.LastIndexByte(stat, ')')
	if end < 0 {
		return 0, false
	}
	words := strings.Fields(stat[end+1:])
	if len(words) < 2 {
		return 0, false
	}
	ppid, err := strconv.Atoi(words[1])
	return ppid, err == nil
}

// field gives the number behind "name:" in a text like /proc/PID/status; 0 if it isn't there.
func field(text, name string) int64 {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && key == name {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return n
		}
	}
	return 0
}

// innermostPid is the process's number in its own PID namespace: the last of NSpid.
func innermostPid(status string) int {
	for line := range strings.Lines(status) {
		if list, ok := strings.CutPrefix(line, "NSpid:"); ok {
			if pids := strings.Fields(list); len(pids) > 0 {
				pid, _ := strconv.Atoi(pids[len(pids)-1])
				return pid
			}
		}
	}
	return 0
}

func executable(pid int) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return path
}

// memory is what processes occupy, in KB. Pss counts a page that n processes
// share as a n-th for each: the only sum over processes that means something.
type memory struct{ rss, pss float64 }

func memoryOf(pids []int) (m memory, err error) {
	for _, pid := range pids {
		path := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
		text, err := os.ReadFile(path)
		if err != nil {
			return m, fmt.Errorf("reading the memory of process %d: %w", pid, err)
		}
		m.rss += float64(field(string(text), "Rss"))
		m.pss += float64(field(string(text), "Pss"))
	}
	return m, nil
}

// activity is what processes have done so far. A thread that sleeps gets a
// context switch for each time it wakes up.
type activity struct {
	switches int64
	cpuNS    int64
}

func (a activity) minus(b activity) activity {
	return activity{a.switches - b.switches, a.cpuNS - b.cpuNS}
}

// activityOf adds up all threads: /proc/PID/status speaks of the first one only.
func activityOf(pids []int) (a activity) {
	for _, pid := range pids {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		for _, thread := range threads {
			status := readFile(thread + "/status")
			a.switches += field(status, "voluntary_ctxt_switches") + field(status, "nonvoluntary_ctxt_switches")
			cpu, _, _ := strings.Cut(readFile(thread+"/schedstat"), " ")
			ns, _ := strconv.ParseInt(cpu, 10, 64)
			a.cpuNS += ns
		}
	}
	return a
}
