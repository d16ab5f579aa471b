package test

// runitIntended are the scenes that go differently with us, and why that is meant.
// A scene that is listed here and goes the same fails. The reasons stand in
// docs/runit.md too.
var runitIntended = func() map[string]string {
	intended := map[string]string{
		"folder: TERM":                         onlyOne,
		"folder: INT":                          onlyOne,
		"folder: killed, and started again":    onlyOne,
		"folder: HUP, stubborn":                "runsvdir ends and runsv waits for ever; here the stop has an end, and KILL is its last step",
		"folder: renamed":                      "runsvdir knows a service by its inode, and lets it run under its old name; here it is stopped, and started under the new one",
		"folder: is a file":                    refused,
		"folder: an option that is none":       refused,
		"session":                              ownSession,
		"session, -P":                          ownSession,
		"log: with grandchildren that hold it": "what a run left behind lives on with runit; here nothing does",
		"control/k suppresses":                 takenForDown,
		"control/d and control/t":              "after d, HUP is one more x to runsv, which has a script of its own; here the stop goes on that d has begun",
		"down wanted/sv -w 1 force-shutdown s": takenForDown,
	}
	for _, state := range []string{"finishing", "finishing, down wanted", "finishing, exit wanted"} {
		for _, verb := range []string{"sv kill s; sv status s", "sv -w 1 force-stop s", "sv -w 1 force-reload s", "sv -w 1 force-restart s", "sv -w 1 force-shutdown s"} {
			intended[state+"/"+verb] = takenForDown
		}
	}
	return intended
}()

const (
	onlyOne      = "runsvdir ends and leaves its services to their runsv; here they have none of their own, and are stopped"
	refused      = "runsvdir says each five seconds that it cannot read its folder; here that is an error, and the end"
	ownSession   = "each service has a session of its own here; with runit all are in that of runsvdir, or of their runsv (-P)"
	takenForDown = "after k runsv takes for down what is not (it does not look whether its KILL was sent, and had its effect), and leaves it behind when it exits, or leaves out its finish"
)
