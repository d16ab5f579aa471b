package test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// When has runsv done all that follows from a letter? It is at rest, and so are
// all processes of the scene, when each of them waits for something that none
// of them brings about: for a signal, for input, for a child. Only a pause
// (nanosleep) ends by itself. That is looked at twice, and if none of them ran
// in between, it was so at one moment.

// atRest says whether all is at rest.
func (p *runitPlay) atRest() bool {
	if _, ok := p.resting(); !ok {
		return false // and there is no need to look for more of them
	}
	p.meet()
	one, ok := p.resting()
	if !ok {
		return false
	}
	p.meet()
	two, ok := p.resting()
	return ok && maps.Equal(one, two)
}

// meet gets to know the processes of the scene.
func (p *runitPlay) meet() {
	for _, pid := range p.rest.of(p.place) {
		p.known[pid] = true
	}
}

// resting looks at all known processes, and gives how often each of them has run;
// or that one of them does not rest.
func (p *runitPlay) resting() (ran map[int]string, ok bool) {
	ran = map[int]string{}
	var buffer [512]byte
	for pid := range p.known {
		_, state := parentAndState(procFile(buffer[:], fmt.Sprintf("/proc/%d/stat", pid)))
		switch {
		case state == "":
			delete(p.known, pid)
			continue
		case state == "Z": // whoever is to reap it rests himself, or does not
			continue
		case state != "S" && state != "T":
			return nil, false
		case state == "S" && pauses(pid):
			return nil, false
		}
		if pid == p.cmd.Process.Pid {
			continue // it looks at its folder now and then, and that changes nothing
		}
		stat := string(procFile(buffer[:], fmt.Sprintf("/proc/%d/schedstat", pid)))
		ran[pid] = stat[strings.LastIndexByte(stat, ' ')+1:]
	}
	return ran, true
}

// pauses says whether a process waits for time to pass, or cannot be looked at.
func pauses(pid int) bool {
	call, _, _ := strings.Cut(string(procFile(make([]byte, 512), fmt.Sprintf("/proc/%d/syscall", pid))), " ")
	n, err := strconv.Atoi(call)
	return err != nil || n == unix.SYS_NANOSLEEP || n == unix.SYS_CLOCK_NANOSLEEP
}

// restScanner reads who is whose parent for all scenes at once: each would
// otherwise read the processes of all others.
type restScanner struct {
	mu    sync.Mutex
	table map[int]restProcess
	begun time.Time
	marks map[int]string // of the scene, by pid; no pid comes twice here
}

type restProcess struct {
	ppid  int
	state string
}

// scan gives the parent of each process, as it is after scan was called.
func (r *restScanner) scan() map[int]restProcess {
	called := time.Now()
	time.Sleep(lookAgain) // so that others ask, too
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun.After(called) {
		return r.table
	}
	r.begun = time.Now()
	r.table = map[int]restProcess{}
	dir, err := os.Open("/proc")
	if err != nil {
		return r.table
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var buffer [512]byte
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			ppid, state := parentAndState(procFile(buffer[:], "/proc/"+name+"/stat"))
			r.table[pid] = restProcess{ppid, state}
		}
	}
	return r.table
}

// of gives the living processes that have the mark of a scene.
func (r *restScanner) of(scene string) (pids []int) {
	table := r.scan()
	r.mu.Lock()
	defer r.mu.Unlock()
	for pid, x := range table {
		if x.state == "Z" {
			continue
		}
		if r.marks[pid] == "" {
			_, after, _ := strings.Cut(string(readAll(fmt.Sprintf("/proc/%d/environ", pid))), runitMark+"=")
			r.marks[pid], _, _ = strings.Cut(after, "\x00")
		}
		if r.marks[pid] == scene {
			pids = append(pids, pid)
		}
	}
	return pids
}

// parentAndState reads two fields of /proc/PID/stat.
func parentAndState(stat []byte) (ppid int, state string) {
	words := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(words) < 2 {
		return 0, ""
	}
	ppid, _ = strconv.Atoi(string(words[1]))
	return ppid, string(words[0])
}

// procFile reads a short file of /proc into a buffer: very many are read.
func procFile(buffer []byte, path string) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n, _ := unix.Read(fd, buffer)
	return buffer[:max(n, 0)]
}
