package typescript_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tutti-rt/tutti"
	"github.com/tutti-rt/tutti/internal/typescript"
	"github.com/tutti-rt/tutti/internal/typescript/testdata/other"
)

var update = flag.Bool("update", false, "rewrite testdata")

type (
	// Everything has a field for each rule of encoding/json.
	Everything struct {
		Plain  string
		Named  int `json:"named"`
		Hidden int `json:"-"`
		Odd    int `json:"not an identifier"`
		//lint:ignore SA5008 such a tag is ignored, as encoding/json does
		BadTag int `json:"bad\\tag"`
		//lint:ignore U1000 it is not to be seen
		unseen   int
		Maybe    int             `json:"maybe,omitempty"`
		Never    struct{ A int } `json:"never,omitempty"`
		Zero     time.Time       `json:"zero,omitzero"`
		Text     int64           `json:"text,string"`
		TextMay  *int64          `json:"textMay,string"`
		Truth    bool
		Ratio    float64
		Pointer  *int
		Pointers []*int
		Lines    []string
		Some     []string `json:"some,omitempty"`
		Grid     [][]int
		Pair     [2]bool
		Bytes    []byte
		Digest   [4]byte
		ByName   map[string]Said
		ByNumber map[int][]int
		ByAddr   map[netip.Addr]bool
		At       time.Time
		Left     *time.Time
		Wait     time.Duration
		Raw      json.RawMessage
		Any      any
		Addr     netip.Addr
		AddrMay  *netip.Addr
		Number   json.Number
		Own      ownJSON
		OwnMay   *ownJSON
		Path     path
		Paths    []path
		Shy      shyText
		ShyMay   *shyText
		Next     *Everything
		Tree     tree
		Index    index
		Page     page[Said]
		Pages    page[map[string]int]
		Other    other.Said
		Far      []other.Categories
		Cat      Categories
		Embedded
		*Behind
		other.Deep
		//lint:ignore U1000 it is not to be seen
		label
		Übung  int
		Nested struct {
			A int
			B *struct{ C []bool }
		}
	}
	// Embedded has fields that count as those of the outer struct.
	Embedded struct {
		FromEmbedded int
		Plain        bool // hidden by the outer one
		Twice        int  // hidden, with that of other.Deep
	}
	// Behind may be nil, and its fields absent.
	Behind struct {
		FromBehind int
		ByTag      int
	}
	//lint:ignore U1000 embedded by Everything
	label       string // embedded, but no struct and not exported
	page[T any] struct {
		Items []T
		Next  *page[T]
	}
	tree  []tree
	index map[string]index
	path  []int
	// Categories has the name that the module itself uses.
	Categories struct{ N int }
	ownJSON    struct{ n int }
	shyText    struct{ s string }
	// Said has the name of a type of another package.
	Said struct{ Text string }
	Ask  struct{ Of string }
	Say  struct {
		Text string `json:"text"`
	}
	Seen struct{ Short string }
	Nod  struct{ To string }
	Spot struct{ X, Y int }
)

func (ownJSON) MarshalJSON() ([]byte, error)          { return []byte(`1`), nil }
func (o *ownJSON) UnmarshalJSON(b []byte) error       { return json.Unmarshal(b, &o.n) }
func (path) MarshalText() ([]byte, error)             { return []byte(`1/2`), nil }
func (*path) UnmarshalText([]byte) error              { return nil }
func (path) TypeScript() string                       { return "`${number}/${number}` | ''" }
func (s *shyText) MarshalText() ([]byte, error)       { return []byte(s.s), nil }
func (s *shyText) UnmarshalText(b []byte) error       { s.s = string(b); return nil }
func say(*tutti.Turn[Everything], Say) error          { return nil }
func ask(*tutti.Turn[Everything], Ask) (*Seen, error) { return nil, nil }
func see(Said, string) (Seen, bool)                   { return Seen{}, true }
func who(c tutti.Claims) string                       { return c.Subject }

var everything = tutti.NewCategory("every-thing",
	tutti.OnCommand(say, tutti.Replies(0, Seen{}, "")),
	tutti.OnCommand(say, tutti.Name("say.again")),
	tutti.OnEvent(func(*Everything, Said) {}),
	tutti.OnEvent(func(*Everything, other.Said) {}, tutti.Name("said_2")),
	tutti.ViewEvent(see),
	tutti.OnQuery(ask),
	tutti.OnSignal(func(*tutti.Turn[Everything], Nod) error { return nil }),
	tutti.Relay("typing"),
	tutti.RelayOf[*Spot](),
	tutti.Sends[Nod](tutti.Name("nodded")),
	tutti.Who(who),
)

var hall = tutti.NewCategory("hall",
	tutti.OnEvent(func(*Everything, Said) {}),
	tutti.View(func(*Everything, string) *Seen { return nil }),
)

var vague = tutti.NewCategory("vague",
	tutti.OnEvent(func(*Everything, Said) {}),
	tutti.View(func(*Everything, string) any { return nil }),
	tutti.ViewEvent(func(Said, string) (any, bool) { return nil, false }),
	tutti.Who(func(tutti.Claims) any { return nil }),
)

func TestGolden(t *testing.T) {
	got, err := typescript.Types(vague, hall, everything)
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "types.ts", got)
	for range 20 {
		if again, err := typescript.Types(everything, vague, hall); err != nil || again != got {
			t.Fatalf("Types() differs from run to run, or with the order of categories: %v", err)
		}
	}
}

// TestValues writes what encoding/json makes of values as constants of the generated types. That they have
// these types is checked by tsc, which refuses members that a type does not have, and those that are missing.
func TestValues(t *testing.T) {
	n, long, at := 1, int64(1)<<60, time.Unix(1, 0)
	full := Everything{
		Maybe: 1, Zero: at, TextMay: &long, Pointer: &n, Pointers: []*int{nil, &n}, Lines: []string{"a"}, Some: []string{"b"},
		Grid: [][]int{nil, {1}}, Bytes: []byte("bytes"), ByName: map[string]Said{"a": {"b"}}, ByNumber: map[int][]int{1: nil, 2: {2}},
		ByAddr: map[netip.Addr]bool{netip.IPv6Loopback(): true}, Left: &at, Raw: json.RawMessage(`[{}]`), Any: map[string]any{"a": nil},
		AddrMay: new(netip.Addr), Number: "1e3", OwnMay: new(ownJSON), Paths: []path{{1}, nil}, ShyMay: &shyText{"shy"},
		Next: new(Everything), Tree: tree{nil, {nil, {}}}, Index: index{"a": {"b": nil}}, Page: page[Said]{Next: new(page[Said])},
		Pages: page[map[string]int]{Items: []map[string]int{nil, {"a": 1}}}, Far: []other.Categories{{}}, Behind: new(Behind),
	}
	full.Nested.B = new(struct{ C []bool })
	var text strings.Builder
	text.WriteString("// Written by TestValues.\nimport type { Everything } from \"./types.ts\";\n")
	for i, v := range []Everything{{}, full} {
		data, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "\nexport const %s: Everything = %s;\n", []string{"zero", "full"}[i], data)
	}
	checkGolden(t, "values.ts", text.String())
}

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	golden := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s would be\n%s\n-update rewrites it", golden, got)
	}
}

func TestMistakesAreRefused(t *testing.T) {
	broken := tutti.NewCategory("Broken")
	if text, err := typescript.Types(broken, hall); err == nil || text != "" {
		t.Errorf("Types() of a category with mistakes = %q, %v, want its mistakes", text, err)
	}
	if _, err := typescript.Types(hall, hall); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("Types() of a category given twice: %v, want that it is declared twice", err)
	}
}
