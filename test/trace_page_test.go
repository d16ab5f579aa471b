package test

import (
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"supervise/internal/event"
	"supervise/internal/logs"
	"supervise/internal/needed"
	"supervise/internal/policy"
	"supervise/internal/record"
	"supervise/internal/signals"
)

// hostile is what a program may call itself: each is to be text and nothing else.
var hostile = []string{
	`</script><script>document.title="owned"</script>`, `<img src=x onerror="document.title='owned'">`, `]]>--><!--`, `" onload="x`, "\u2028", "${document.title}", "SCRIPT", "DATA",
}

// longTrace writes a trace with many events.
func longTrace(t *testing.T, path string, n int) (arrows, senders int) {
	t.Helper()
	names := map[string]bool{}
	header := record.NewHeader("v1")
	header.Command = append([]string{"supervise", "up"}, hostile...)
	text, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	seq, at := uint64(0), header.Start
	tell := func(e event.Event) {
		seq++
		at = at.Add(time.Millisecond)
		e.Seq, e.Time, e.Mono = seq, at, header.Mono+at.Sub(header.Start)
		text = logs.JSON{}.Event(text, &e)
	}
	tell(event.Event{Name: event.SuperviseStarted, PID: 1})
	for i := range 20 {
		tell(event.Event{Name: event.ServiceStarted, Service: fmt.Sprint("s", i, hostile[i%len(hostile)]), PID: 100 + i})
		tell(event.Event{Name: event.ServiceRunning, Service: fmt.Sprint("s", i, hostile[i%len(hostile)]), PID: 100 + i})
	}
	for i := 0; int(seq) < n; i++ {
		service, signal := fmt.Sprint("s", i%20, hostile[i%20%len(hostile)]), signals.Signal(10+2*(i%2))
		switch i % 4 {
		case 0:
			tell(event.Event{Name: event.ProcessExited, Service: service, PID: 100 + i%20, Exit: &policy.Exit{Code: 1}, Why: hostile[i%len(hostile)]})
			tell(event.Event{Name: event.BackoffScheduled, Service: service, Why: hostile[i%len(hostile)]})
			tell(event.Event{Name: event.ServiceStarted, Service: service, PID: 100 + i%20})
			tell(event.Event{Name: event.ServiceRunning, Service: service, PID: 100 + i%20})
		default:
			tell(event.Event{Name: event.SignalReceived, Signal: signal, From: &signals.Received{Signal: signal, PID: 7}, Sender: hostile[i%len(hostile)]})
			tell(event.Event{Name: event.SignalSent, Service: service, PID: 100 + i%20, Signal: signal, Of: seq,
				Targets: []event.Target{{PID: 100 + i%20, Name: hostile[i%len(hostile)], Disposition: event.Caught}}})
			arrows += 2
			names[hostile[i%len(hostile)]] = true
		}
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return arrows, len(names)
}

// chromium opens a page without a window, and gives what it prints. Its deadline
// only bounds a hang.
func chromium(t *testing.T, page string, flags ...string) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	needed.That(t, err == nil, "chromium")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking", "--no-first-run",
		"--hide-scrollbars", "--force-device-scale-factor=1", "--user-data-dir=" + t.TempDir(),
	}, append(flags, page)...)...)
	// It has many processes; they end with their group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = 10 * time.Second
	if err = start(cmd); err == nil {
		err = cmd.Wait()
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // helpers that are still ending would write into the directory
	}
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, stderr.String())
	}
	return stdout.String()
}

// The page of a long trace of programs with evil names opens, shows what is in
// the trace, and runs no script but its own.
func TestTracePageInABrowser(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	const events = 10_000
	arrows, senders := longTrace(t, s.path("trace"), events)
	if out, err := s.command(binary, "trace", "--show", "trace", "--html", "page.html").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if info, err := os.Stat(s.path("page.html")); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	page := "file://" + s.path("page.html")
	t.Run("content", func(t *testing.T) {
		t.Parallel()
		dom := chromium(t, page, "--dump-dom")
		body := regexp.MustCompile(`<body [^>]*>`).FindString(dom)
		// One lane for each service, supervise, and a sender for each name.
		for key, want := range map[string]int{"lanes": 20 + 1 + senders, "arrows": arrows} {
			if !strings.Contains(body, fmt.Sprintf(`data-%s="%d"`, key, want)) {
				t.Errorf("%d %s are expected: %s", want, key, body)
			}
		}
		if !strings.Contains(body, `data-ready="yes"`) {
			t.Errorf("the page has not come to its end: %s", body)
		}
		if strings.Contains(dom, "<title>owned") || strings.Contains(dom, "<img") || strings.Count(dom, "<script") != 2 {
			t.Error("the name of a program has become a part of the page")
		}
		if !strings.Contains(dom, "<li>") || strings.Count(dom, "<tr") != 201 {
			t.Errorf("%d rows in the list of events, want 200 and a head", strings.Count(dom, "<tr")-1)
		}
		t.Logf("%d events in %s ms", events, regexp.MustCompile(`data-ms="(\d+)"`).FindStringSubmatch(body))
	})
	t.Run("picture", func(t *testing.T) {
		t.Parallel()
		picture := s.path("page.png")
		chromium(t, page+"#theme=light", "--window-size=1280,800", "--screenshot="+picture)
		file, err := os.Open(picture)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		image, err := png.Decode(file)
		if err != nil || image.Bounds().Dx() != 1280 {
			t.Fatal(err)
		}
		// Signals have this colour, and nothing else but a small line of the legend.
		violet := 0
		for y := range image.Bounds().Dy() {
			for x := range 1280 {
				if r, g, b, _ := image.At(x, y).RGBA(); r>>8 == 0x7a && g>>8 == 0x4f && b>>8 == 0xc4 {
					violet++
				}
			}
		}
		if violet < 1000 {
			t.Errorf("%d points of arrows: nothing is drawn", violet)
		}
	})
}
