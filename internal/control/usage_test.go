package control

import (
	"os"
	"path/filepath"
	"testing"

	"supervise/internal/procfs"
)

func TestUsageIsThatOfTheCgroupAsFarAsItHasIt(t *testing.T) {
	living := []procfs.Process{{CPU: 100, WaitedCPU: 50, Resident: 4096}, {CPU: 25, Resident: 8192}}
	for name, c := range map[string]struct {
		files  map[string]string
		cpu    float64
		memory uint64
	}{
		"none":             {nil, 1.75, 12288},
		"time only":        {map[string]string{"cpu.stat": "usage_usec 2500000\nuser_usec 1\n"}, 2.5, 12288},
		"memory too":       {map[string]string{"cpu.stat": "usage_usec 1\n", "memory.current": "5000\n", "memory.stat": "anon 1\ninactive_file 2000\n"}, 1e-6, 3000},
		"all is cache":     {map[string]string{"memory.current": "5000\n", "memory.stat": "inactive_file 6000\n"}, 1.75, 0},
		"what is no count": {map[string]string{"cpu.stat": "usage_usec many\n", "memory.current": "max\n"}, 1.75, 12288},
	} {
		dir := t.TempDir()
		for file, text := range c.files {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if cpu, memory := usageOf(living, dir); cpu != c.cpu || memory != c.memory {
			t.Errorf("%s: got %v s and %d bytes, want %v and %d", name, cpu, memory, c.cpu, c.memory)
		}
	}
	if cpu, memory := usageOf(living, ""); cpu != 1.75 || memory != 12288 {
		t.Errorf("without a cgroup: %v s, %d bytes", cpu, memory)
	}
}
