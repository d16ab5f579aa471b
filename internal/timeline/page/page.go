// Package page draws a timeline as one HTML page that needs nothing else: no
// network, no file beside it. The page zooms, filters, tells details and has a
// list of all events for those who do not see the drawing.
//
// What programs say of themselves is in the page as JSON, in which no character
// ends an element, and is only ever set as text. The page's own policy lets no
// script run but the one that is here: it alone has the page's random nonce.
package page

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"

	"supervise/internal/timeline"
)

//go:embed page.html
var skeleton string

//go:embed page.css
var style string

//go:embed page.js
var script string

// Write writes the page.
func Write(out io.Writer, t *timeline.Timeline) error {
	data, err := json.Marshal(t) // which writes <, > and & as escapes
	if err != nil {
		return err
	}
	// Unpredictable enough: what is in data was said before. (A hash of the script
	// in its place would link crypto/sha256, whose self-tests run at each start.)
	nonce := fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
	_, err = strings.NewReplacer(
		"NONCE", nonce,
		"STYLE", style,
		"DATA", string(data),
		"SCRIPT", script,
	).WriteString(out, skeleton)
	return err
}
