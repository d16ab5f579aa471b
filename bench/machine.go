package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what the figures depend on beside the programs.
type machine struct {
	CPU       string            `json:"cpu"`
	CPUs      int               `json:"cpus"`
	MemoryGB  float64           `json:"memory_gb"`
	Kernel    string            `json:"kernel"`
	Scratch   string            `json:"scratch"` // the kind of file system that configurations lie on
	LoadStart string            `json:"load_start"`
	LoadEnd   string            `json:"load_end"`
	Rounds    int               `json:"rounds"`
	Versions  map[string]string `json:"versions"`

	order []string // of Versions
}

func describeMachine(scratch string) machine {
	m := machine{CPUs: runtime.NumCPU(), CPU: "unknown", LoadStart: load(), Versions: map[string]string{}}
	for line := range strings.Lines(readFile("/proc/cpuinfo")) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			m.CPU = strings.TrimSpace(value)
			break
		}
	}
	m.MemoryGB = float64(field(readFile("/proc/meminfo"), "MemTotal")) / (1 << 20)
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) +
			" " + unix.ByteSliceToString(u.Machine[:])
	}
	m.Scratch = "not tmpfs"
	if onTmpfs(scratch) {
		m.Scratch = "tmpfs"
	}
	return m
}

func (m *machine) version(program, version string) {
	if _, known := m.Versions[program]; !known {
		m.order = append(m.order, program)
	}
	m.Versions[program] = version
}

func (m machine) lines() []string {
	var versions []string
	for _, program := range m.order {
		versions = append(versions, program+" "+m.Versions[program])
	}
	return []string{
		fmt.Sprintf("machine: %s, %d CPUs, %.0f GB; %s; %s", m.CPU, m.CPUs, m.MemoryGB, m.Kernel, runtime.Version()),
		fmt.Sprintf("load average at the start %s, at the end %s; configurations on %s", m.LoadStart, m.LoadEnd, m.Scratch),
		"versions: " + strings.Join(versions, ", "),
		fmt.Sprintf("medians of %d round(s), all subjects in each; ±: half the distance between the rounds that lie furthest apart, where that is 2.5 %% or more", m.Rounds),
	}
}

func load() string {
	if f := strings.Fields(readFile("/proc/loadavg")); len(f) > 0 {
		return f[0]
	}
	return "unknown"
}

// readFile gives "" for what can't be read: used where the answer is a nicety.
func readFile(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}

// packageVersion asks Debian's package database, for programs that don't tell their version.
func packageVersion(name string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", name).Output()
	if err != nil {
		return "(version unknown)"
	}
	return string(out)
}

// toldVersion runs a program with its version flag; the last word of the first line is the version.
func toldVersion(program, flag string) string {
	out, _ := exec.Command(program, flag).CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	if words := strings.Fields(line); len(words) > 0 {
		return strings.TrimPrefix(words[len(words)-1], "v")
	}
	return "(version unknown)"
}
