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

// fileResident is how much of files is resident in a process, in KiB (proc(5)).
func fileResident(pid int) int {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	if words := strings.Fields(rest); len(words) > 0 {
		if n, err := strconv.Atoi(words[0]); err == nil {
			return n
		}
	}
	return 1 << 30
}
