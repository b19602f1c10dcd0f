package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// errNoMetrics means that the node has no operator's address that the tool knows.
var errNoMetrics = errors.New("the node's metrics are known for the tool's own node only")

// metrics returns the figures of the tool's own node, by name with labels.
func (n *workNode) metrics(ctx context.Context) (map[string]float64, error) {
	if n.admin == "" {
		return nil, errNoMetrics
	}
	res, err := n.ask(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return readMetrics(res.Body)
}

// readMetrics reads figures, by name with labels.
func readMetrics(from io.Reader) (map[string]float64, error) {
	figures := make(map[string]float64)
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			figures[name] = v
		}
	}
	return figures, lines.Err()
}

// ask gets a page of the operator's address. The caller closes its body.
func (n *workNode) ask(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.admin+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+n.adminToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", path, err)
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("get %s: %s", path, res.Status)
	}
	return res, nil
}
