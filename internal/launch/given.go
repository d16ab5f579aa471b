package launch

import (
	"fmt"
	"strconv"
	"strings"
)

// Given is what one start gets beside what the configuration says. The
// descriptors are ours, and have to stay open until the child has its copies.
type Given struct {
	Stdio
	Listen []Descriptor // sockets, see sd_listen_fds(3)
	At     map[int]int  // by the number that the child is to find it under, from 3 on: our descriptor
	Env    []string     // KEY=value, before what the configuration says of KEY
	OwnPID []string     // variables whose value is to be the child's own pid: WATCHDOG_PID
}

// Stdio is what a child gets as its standard streams, and the terminal whose
// foreground group it becomes (-1: none).
type Stdio struct {
	In, Out, Err uintptr
	Terminal     int
	Control      bool // In is a terminal, and becomes that of the child's own session
	Made         bool // Out and Err are pipes that were made for this child
}

// Descriptor is one of ours, and what the child is told of it in
// LISTEN_FDNAMES.
type Descriptor struct {
	FD   int
	Name string
}

// closed is a descriptor that the child is not to have.
const closed = ^uintptr(0)

// files lists the child's descriptors by their numbers. Sockets come right after
// the standard streams: the first is number 3, SD_LISTEN_FDS_START.
func (g Given) files() ([]uintptr, error) {
	files := []uintptr{g.In, g.Out, g.Err}
	for _, d := range g.Listen {
		files = append(files, uintptr(d.FD))
	}
	taken := len(files)
	for number, fd := range g.At {
		if number < taken {
			return nil, fmt.Errorf("the program cannot have one more descriptor %d: those up to %d are its standard streams and sockets; give it another number", number, taken-1)
		}
		for len(files) <= number {
			files = append(files, closed)
		}
		files[number] = uintptr(fd)
	}
	return files, nil
}

// variables are those of this start, but for the ones that only the child
// knows the value of.
func (g Given) variables() []string {
	if len(g.Listen) == 0 {
		return g.Env
	}
	names := make([]string, len(g.Listen))
	for i, d := range g.Listen {
		names[i] = d.Name
	}
	return append([]string{"LISTEN_FDS=" + strconv.Itoa(len(names)), "LISTEN_FDNAMES=" + strings.Join(names, ":")}, g.Env...)
}

// ownPID names the variables that the child itself has to set. A program takes
// its sockets only when LISTEN_PID is its own pid: what it starts gets the same
// environment, and is not meant.
func (g Given) ownPID() []string {
	if len(g.Listen) == 0 {
		return g.OwnPID
	}
	return append([]string{"LISTEN_PID"}, g.OwnPID...)
}
