package main

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// room is what the machine has to give, of which a fleet takes at most a half: the
// benchmark is not alone on it.
type room struct {
	processes   int // pid_max, or threads-max if that is less
	descriptors int // the hard limit of one process
	memoryKB    int // MemAvailable
}

// footprint is what each service costs, with its share of the supervisor.
type footprint struct {
	processes   int // the service and what stands beside it
	descriptors int // that the supervisor keeps open
}

// processKB is what a process costs that only sleeps: its pages and what the
// kernel keeps of it (stack, page tables), generously.
const processKB = 300

// lacks says what there is too little of for a fleet; "" when it can be.
func (r room) lacks(size int, f footprint) string {
	const spare = 512 // descriptors of a supervisor that are no service's
	processes, descriptors, memory := size*f.processes, size*f.descriptors, size*f.processes*processKB
	switch {
	case processes > r.processes/2:
		return fmt.Sprintf("needs %s processes, more than half of the %s that there can be", thousands(processes), thousands(r.processes))
	case memory > r.memoryKB/2:
		return fmt.Sprintf("%s processes may need %s MB, more than half of the %s MB that are free", thousands(processes), thousands(memory>>10), thousands(r.memoryKB>>10))
	case f.descriptors > 0 && descriptors+spare > r.descriptors:
		return fmt.Sprintf("needs %s descriptors, and a process may have %s", thousands(descriptors), thousands(r.descriptors))
	}
	return ""
}

func lookForRoom() (r room) {
	number := func(path string) int {
		n, _ := strconv.Atoi(strings.TrimSpace(readFile(path)))
		return n
	}
	r.processes = min(number("/proc/sys/kernel/pid_max"), number("/proc/sys/kernel/threads-max"))
	r.memoryKB = int(field(readFile("/proc/meminfo"), "MemAvailable"))
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		r.descriptors = int(min(limit.Max, 1<<30))
	}
	return r
}
