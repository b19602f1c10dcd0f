package cluster

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tutti-rt/tutti/journal"
)

// Node is one node of a cluster, as all nodes know it.
type Node struct {
	ID journal.NodeID `json:"id"`
	// Name is what people call it, and the bus: [a-z0-9][a-z0-9-]{0,31}, no other node's.
	Name string `json:"name"`
	// Address is where other nodes reach it, as host:port.
	Address string `json:"address"`
	// Routes is where the bus servers of other nodes reach its own, as host:port. Empty: the bus is an external one.
	Routes string `json:"routes,omitempty"`
	// Operator is where its operator reaches it, and so do consumers of its journal, as host:port. Empty: nowhere that is known.
	Operator string `json:"operator,omitempty"`
	// Edge and State are its roles; one of them at least.
	Edge  bool `json:"edge,omitempty"`
	State bool `json:"state,omitempty"`
	// Labels are what the rules of pools ask for. The label "region" is one of them.
	Labels map[string]string `json:"labels,omitempty"`
	// Weight is its share of replicas and leaders, beside that of others (1 to 1,000; 0 means 100).
	Weight int `json:"weight,omitempty"`
	// Draining means that it is to hold nothing.
	Draining bool `json:"draining,omitempty"`
	// Starts is how often the node has started, by what its disk says, and Instance tells one start from another.
	Starts   uint64 `json:"starts,omitempty"`
	Instance string `json:"instance,omitempty"`
}

// follows reports whether n is the process that before tells of, or one that has started from the same disk since.
func (n *Node) follows(before *Node) bool {
	return n.Starts > before.Starts || n.Starts == before.Starts && n.Instance == before.Instance
}

var (
	nodeName   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	labelName  = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,62}$`)
	labelValue = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
)

// ValidName reports whether a node may have that name.
func ValidName(name string) bool { return nodeName.MatchString(name) }

// MaxLabels bounds the labels of a node.
const MaxLabels = 32

// Check returns every mistake in n, but for its ID.
func (n *Node) Check() error {
	var errs []error
	if !ValidName(n.Name) {
		errs = append(errs, fmt.Errorf("name is %q, allowed are 1 to 32 of a-z 0-9 -, not - first", n.Name))
	}
	if !reachable(n.Address) {
		errs = append(errs, fmt.Errorf("address is %q, wanted is host:port", n.Address))
	}
	if n.Routes != "" && !reachable(n.Routes) {
		errs = append(errs, fmt.Errorf("address of routes is %q, wanted is host:port", n.Routes))
	}
	if len(n.Instance) > 64 {
		errs = append(errs, errors.New("instance has more than 64 bytes"))
	}
	if n.Operator != "" && !reachable(n.Operator) {
		errs = append(errs, fmt.Errorf("address for the operator is %q, wanted is host:port", n.Operator))
	}
	if !n.Edge && !n.State {
		errs = append(errs, errors.New("no role, wanted are edge, state or both"))
	}
	if n.Weight < 0 || n.Weight > MaxWeight {
		errs = append(errs, fmt.Errorf("weight is %d, allowed are 1 to %d", n.Weight, MaxWeight))
	}
	if len(n.Labels) > MaxLabels {
		errs = append(errs, fmt.Errorf("%d labels, at most %d are allowed", len(n.Labels), MaxLabels))
	}
	errs = append(errs, checkLabels(n.Labels))
	return errors.Join(errs...)
}

// reachable reports whether others can dial the address.
func reachable(address string) bool {
	host, port, err := net.SplitHostPort(address)
	n, notNumber := strconv.ParseUint(port, 10, 16)
	return err == nil && host != "" && notNumber == nil && n > 0 && len(address) <= 300
}

// MaxWeight and DefaultWeight are of nodes.
const (
	MaxWeight     = 1000
	DefaultWeight = 100
)

// weight returns the share of n.
func (n *Node) weight() int {
	if n.Weight == 0 {
		return DefaultWeight
	}
	return n.Weight
}

// holds reports whether n may get replicas.
func (n *Node) holds() bool { return n.State && !n.Draining }

func checkLabels(labels map[string]string) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if value := labels[name]; !labelName.MatchString(name) || !labelValue.MatchString(value) {
			errs = append(errs, fmt.Errorf("label is %.100q, wanted is name=value of letters, digits, dots, _ and -", name+"="+value))
		}
	}
	return errors.Join(errs...)
}

// ParseLabels reads labels as name=value.
func ParseLabels(all []string) (map[string]string, error) {
	labels := make(map[string]string, len(all))
	for _, text := range all {
		name, value, ok := strings.Cut(text, "=")
		if _, twice := labels[name]; twice {
			return nil, fmt.Errorf("label %q is there twice", name)
		}
		if !ok {
			return nil, fmt.Errorf("label is %.100q, wanted is name=value", text)
		}
		labels[name] = value
	}
	return labels, checkLabels(labels)
}
