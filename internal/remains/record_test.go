package remains

import (
	"os"
	"slices"
	"testing"

	"supervise/internal/procfs"
)

func TestRecordsAreReadAsTheyAreNoted(t *testing.T) {
	records := []Record{
		{Boot: "0b", Namespace: "pid:[1]", Mark: "/7.8.", Cgroup: "/sys/fs/cgroup/a b\n/supervise-7", Inode: 9},
		{Boot: "0b", Namespace: "pid:[1]", Mark: "/1.2.a \"b\"/7.8."},
	}
	text := Note(append(records, Record{}))
	if got := Read(text); !slices.Equal(got, records) {
		t.Errorf("%q is read as %+v", text, got)
	}
	for n := range len(text) { // a writer that was killed
		if got := Read(text[:n]); len(got) > 2 || len(got) > 0 && got[0] != records[0] {
			t.Errorf("%q is read as %+v", text[:n], got)
		}
	}
	for _, text := range []string{"", "\n", "x", "0b pid:[1] 0 \"\" \"\"\n", "0b pid:[1] 0 \"\" \"/7.8\"\n", "0b pid:[1] 0 \"\" \"/7.\"\n", "0b pid:[1] -1 \"\" \"/7.8.\"\n"} {
		if got := Read(text); got != nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func TestOwner(t *testing.T) {
	self, err := procfs.Stat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for o, lives := range map[owner]bool{
		{self.PID, self.Start}:     true,
		{self.PID, self.Start - 1}: false, // an earlier process with our pid
		{1 << 30, 1}:               false,
	} {
		if o.lives() != lives {
			t.Errorf("%+v: %v, want %v", o, o.lives(), lives)
		}
	}
	for mark, want := range map[string]owner{"/7.8.": {7, 8}, "/1.2.a/7.8.": {7, 8}, "/1.2.a.b/c/7.8.": {7, 8}} {
		if got, ok := (Record{Mark: mark}).owner(); !ok || got != want {
			t.Errorf("%s: %+v, %v", mark, got, ok)
		}
	}
	if got := serviceIn("/1.2.a/7.8.web@1/9.9.x", "/1.2.a/7.8."); got != "web@1" {
		t.Errorf("the service is %q", got)
	}
	if got := nameIn("7.8.web.2"); got != "web.2" {
		t.Errorf("the name is %q", got)
	}
}
