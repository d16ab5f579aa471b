package control

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"supervise/internal/api"
	"supervise/internal/procfs"
)

// usageOf gives the processor time, in seconds, and the memory, in bytes, that
// a service uses. cgroup is the directory of its cgroup, "" if it has none.
//
// Time: with a cgroup, all that was used in it, by processes too that have
// ended; that needs no controller (cgroup-v2.rst, "cpu.stat"). Else that of the
// living processes and of the children that they have waited for. A living
// process is in its own sum only, so nothing counts twice; what an orphan used
// that has ended counts nowhere.
//
// Memory: where the cgroup has the memory controller, what is charged to it
// without the file pages that could be dropped (memory.current less
// inactive_file, what Docker and the kubelet show). Else the resident sets of
// the living processes: pages that several of them share count for each. The
// proportional sizes (PSS) would not, but the kernel walks all page tables for
// them, milliseconds for each process.
func usageOf(living []procfs.Process, cgroup string) (cpu float64, memory uint64) {
	var ticks uint64
	for _, p := range living {
		ticks += p.CPU + p.WaitedCPU
		memory += p.Resident
	}
	cpu = seconds(ticks)
	if cgroup == "" {
		return cpu, memory
	}
	if usec, ok := cgroupField(cgroup, "cpu.stat", "usage_usec"); ok {
		cpu = (time.Duration(usec) * time.Microsecond).Seconds()
	}
	if charged, ok := cgroupField(cgroup, "memory.current", ""); ok {
		cache, _ := cgroupField(cgroup, "memory.stat", "inactive_file")
		memory = charged - min(cache, charged)
	}
	return cpu, memory
}

func seconds(ticks uint64) float64 { return (time.Duration(ticks) * procfs.Tick).Seconds() }

// cgroupField reads a number in a file of a cgroup; false: there is none.
func cgroupField(dir, file, key string) (uint64, bool) {
	b, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return 0, false
	}
	return field(b, key)
}

// field reads the number behind a key in lines of "key number", or, with the
// key "", the only number there is.
func field(b []byte, key string) (uint64, bool) {
	for line := range bytes.Lines(b) {
		name, value, ok := strings.Cut(strings.TrimSpace(string(line)), " ")
		if !ok {
			name, value = "", name
		}
		if name == key {
			n, err := strconv.ParseUint(value, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// process tells of one process of a service. Its command line is read here.
func process(p procfs.Process, main int) api.Process {
	return api.Process{
		PID: p.PID, PPID: p.PPID, Name: strings.ToValidUTF8(p.Name, "\ufffd"), Command: procfs.Command(p.PID), State: string(p.State),
		Threads: p.Threads, CPU: seconds(p.CPU), Memory: p.Resident, Main: p.PID == main,
	}
}
