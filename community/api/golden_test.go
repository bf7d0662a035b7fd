package api_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/internal/golden"
)

var update = flag.Bool("update", false, "write the golden files")

// L02: what is taken of engines' batches. The first two signals of version 2 are from a real
// engine; those of version 3 have all fields that its documentation has.
func TestBatchesOfEngines(t *testing.T) {
	for _, version := range []string{"v2", "v3"} {
		d := open(t)
		batch, err := os.ReadFile("testdata/signals-" + version + ".json")
		if err != nil {
			t.Fatal(err)
		}
		d.body(d.do("POST", "/"+version+"/signals", string(batch), bearer(d.token("member"))))
		var got strings.Builder
		for _, s := range d.centre.accepted {
			fmt.Fprintf(&got, "%+v\n", s)
		}
		golden.File(t, "testdata/signals-"+version+".txt", got.String(), *update, "go test ./community/api -run Batches -update")
		noSecrets(t, version, got.String())
		noSecrets(t, "the log", fmt.Sprintf("%+v", d.logs.All()))
	}
}
