package top

import (
	"encoding/json"
	"testing"

	"supervise/internal/api"
	"supervise/internal/fullscreen"
)

// FuzzAnswers: whatever a supervise answers, or services write, the screen is of
// its size, and text.
func FuzzAnswers(f *testing.F) {
	services, err := json.Marshal(fleet(noon))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(services, []byte(`{"line":"a\u001b[2Jb","service":"api"}`), 80, 24)
	f.Add([]byte(`[{"name":"a\u001b]0;x\u0007","state":"nothing like it","why":"\u202e","pid":-1,"uptime_s":1e308,"cpu_s":-1}]`), []byte(`{"raw":"/w==","part":true,"lost":-7}`), 40, 10)
	f.Add([]byte(`[{},{}]`), []byte(`{}`), 1, 1)
	f.Fuzz(func(t *testing.T, answer, output []byte, w, h int) {
		var all []api.Service
		var line api.Line
		if json.Unmarshal(answer, &all) != nil || json.Unmarshal(output, &line) != nil || len(all) > 100 {
			return
		}
		m := New(true, true)
		m.Update(fullscreen.Resized{Width: 1 + w&0xff, Height: 1 + h&0x3f}, noon)
		m.Update(Connected{api.Info{Config: line.Line, Since: noon}}, noon)
		m.Update(Seen{all, true, noon}, noon)
		of := ""
		if len(all) > 0 {
			of = all[0].Name
		}
		m.Update(Lines{of, []api.Line{line, line}}, noon)
		m.Update(Answered{Ask{Verb: "stop"}, false, line.Line, nil}, noon)
		screen(t, m)
		press(m, "enter")
		screen(t, m)
		press(m, "esc", "?")
		screen(t, m)
	})
}
