package test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The page on containers shows whoever comes from another program which flags to
// write here. They are the last thing in each row of a table.
func TestContainerPageNamesFlagsThatAreThere(t *testing.T) {
	dependOnSources(t)
	page, err := os.ReadFile("../docs/containers.md")
	if err != nil {
		t.Fatal(err)
	}
	help, err := exec.Command(binary, "run", "--help").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[a-z-]+)`).FindAllStringSubmatch(string(help), -1)
	flags := map[string]bool{}
	for _, m := range known {
		flags[m[1]] = true
	}
	seen := 0
	for row := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(row), "|"), "|")
		last := cells[len(cells)-1]
		if !strings.HasPrefix(row, "|") || strings.Contains(last, "podman") {
			continue
		}
		for _, flag := range regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(last, -1) {
			if seen++; !flags[flag[1]] && flag[1] != "--tmpfs" {
				t.Errorf("run has no flag %s: %s", flag[1], row)
			}
		}
		for _, name := range regexp.MustCompile(`SUPERVISE_([A-Z_]+)=`).FindAllStringSubmatch(last, -1) {
			flag := "--" + strings.ReplaceAll(strings.ToLower(name[1]), "_", "-")
			if seen++; !flags[flag] {
				t.Errorf("run has no flag %s, and so no variable SUPERVISE_%s: %s", flag, name[1], row)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d flags found: the page is not what this test knows", seen)
	}
}
