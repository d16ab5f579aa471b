package test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// What only a start needs of the program's own file is given back when it is over,
// and what a reload needed again too. Until then most of the file is resident.
func TestUpGivesBackWhatItsStartNeeded(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, `
[services.a]
command = ["sleep", "100"]
`)
	u.until("service.running", "a")
	info, err := os.Stat(fmt.Sprintf("/proc/%d/exe", u.pid()))
	if err != nil {
		t.Fatal(err)
	}
	little := int(info.Size()>>10) / 4
	slim := func() bool { return fileResident(u.pid()) < little }
	u.eventually(fmt.Sprintf("less than %d KiB of its file are resident", little), slim)
	u.clientDoes("reload")
	u.eventually("the same after a reload", slim)
	u.stop()
}

// However many readings of a configuration services go by, each keeps no more of its own
// than what is said of it.
func TestReloadsLeaveNothingInMemory(t *testing.T) {
	t.Parallel()
	const services, reloads, size = 50, 16, 2 << 20
	config := func(changed int) string {
		text := "# " + strings.Repeat("-", size) + "\n"
		for i := range services {
			text += sleeper(fmt.Sprint("s", i), 1000+min(1, max(0, changed-i)))
		}
		return text
	}
	a := upAsked(t, upPlan{config: config(0)})
	a.waits("ready", "*")
	for i := range reloads {
		a.write("supervise.toml", config(i+1))
		a.takesOver(services-1, fmt.Sprintf("s%d: restart (command)", i))
		a.waits("ready", fmt.Sprint("s", i))
	}
	// Garbage goes when nothing has happened for a second.
	a.eventually("its memory is less than half of what it has read", func() bool { return resident(a.pid(), "RssAnon") < reloads*size>>10/2 })
	a.stop()
}

// fileResident is how much of files is resident in a process, in KiB.
func fileResident(pid int) int { return resident(pid, "RssFile") }

// resident reads a number of KiB in the status of a process (proc(5)).
func resident(pid int, field string) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), field+":")
	if words := strings.Fields(rest); len(words) > 0 {
		if n, err := strconv.Atoi(words[0]); err == nil {
			return n
		}
	}
	return 1 << 30
}
