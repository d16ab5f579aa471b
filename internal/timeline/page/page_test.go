package page

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"supervise/internal/timeline"
)

// Whatever programs call themselves, the page has the elements that it has, and
// all of it can be read back.
func TestTextsOfProgramsAreDataOnly(t *testing.T) {
	plain := written(t, &timeline.Timeline{Title: "x"})
	for _, evil := range []string{"</script><script>alert(1)</script>", "<!--<script>", "NONCE SCRIPT STYLE DATA", "\u2028\"'`${x}", "&lt;/script&gt;"} {
		page := written(t, &timeline.Timeline{Title: evil, Lanes: []timeline.Lane{{Name: evil}}, Summary: []string{evil}})
		if got, want := strings.Count(page, "<"), strings.Count(plain, "<"); got != want {
			t.Errorf("%q adds %d elements or their like", evil, got-want)
		}
		data := regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`).FindStringSubmatch(page)
		var back timeline.Timeline
		if data == nil || json.Unmarshal([]byte(data[1]), &back) != nil || back.Title != evil || back.Lanes[0].Name != evil {
			t.Errorf("%q is not read back", evil)
		}
	}
}

func TestThePageNeedsNothingElse(t *testing.T) {
	page := written(t, &timeline.Timeline{})
	if !strings.Contains(page, "default-src 'none'") {
		t.Error("the page may load something")
	}
	for _, part := range []string{"http://", "https://", "src=", "href=", "@import", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} {
		if strings.Contains(page, part) {
			t.Errorf("the page has %s", part)
		}
	}
	nonce := regexp.MustCompile(`script-src 'nonce-([0-9a-f]{32})'`).FindStringSubmatch(page)
	if nonce == nil || strings.Count(page, `<script nonce="`+nonce[1]+`">`) != 1 {
		t.Error("the script is not the one that may run")
	}
	if page == written(t, &timeline.Timeline{}) {
		t.Error("two pages have the same nonce")
	}
}

func written(t *testing.T, x *timeline.Timeline) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, x); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
