package cluster_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/tutti-rt/tutti/cluster"
)

// FuzzRegistry reads what another node says that the registry is: what passes Check finds its nodes and pools, can be placed, and is the same
// once it was told on.
func FuzzRegistry(f *testing.F) {
	r := cluster.Registry{
		Cluster: "prod", Journal: "J", Last: 3, Nodes: []cluster.Node{member(1, "a", "region=eu"), member(3, "c")},
		Pools: []cluster.Pool{{Name: "default", Partitions: 2, Home: 1}},
	}
	good, err := json.Marshal(r)
	if err != nil || r.Check() != nil {
		f.Fatal(err, r.Check())
	}
	f.Add(good)
	f.Add([]byte("{}"))
	f.Add([]byte(`{"cluster":"prod","journal":"J","last":18446744073709551615,"nodes":[{"id":1},{"id":18446744073709551615}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r cluster.Registry
		if json.Unmarshal(text, &r) != nil || r.Check() != nil {
			return
		}
		partitions := 0
		for i := range r.Pools {
			partitions += r.Pools[i].Partitions
			if r.Pool(r.Pools[i].Name) != &r.Pools[i] {
				t.Errorf("pool %q is not found", r.Pools[i].Name)
			}
		}
		for i := range r.Nodes {
			if r.Node(r.Nodes[i].ID) != &r.Nodes[i] || r.Named(r.Nodes[i].Name) == nil {
				t.Errorf("node %d %q is not found", r.Nodes[i].ID, r.Nodes[i].Name)
			}
		}
		if partitions <= 64 {
			_, _ = r.Place(nil) // has to return
		}
		told, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var again cluster.Registry
		if err := json.Unmarshal(told, &again); err != nil || again.Check() != nil || !reflect.DeepEqual(again.Nodes, r.Nodes) {
			t.Errorf("told on, it is %+v (%v, %v), was %+v", again, err, again.Check(), r)
		}
	})
}
