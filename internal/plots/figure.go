package main

// figure is one image: panels beside each other over the same x.
type figure struct {
	series string
	x      string
	logX   bool
	panels []panel
}

// panel is one pair of axes.
type panel struct {
	title string
	logY  bool
	lines []line
}

// line is one of the values of each point.
type line struct{ value, label string }

var figures = []figure{
	{series: "links", x: "links", logX: true, panels: []panel{
		{title: "command to a viewer, ms", logY: true, lines: []line{{"p99_ms", "p99"}, {"p50_ms", "p50"}}},
		{title: "CPU-seconds for 1M deliveries", lines: []line{{"cpu_seconds", ""}}},
		{title: "memory of the node, MB", lines: []line{{"rss_mb", ""}}},
	}},
	{series: "events", x: "events/s", logX: true, panels: []panel{
		{title: "command to a viewer, ms", logY: true, lines: []line{{"p99_ms", "p99"}, {"p50_ms", "p50"}}},
		{title: "CPU-seconds for 1M deliveries", logY: true, lines: []line{{"cpu_seconds", ""}}},
		{title: "deliveries/s", logY: true, lines: []line{{"deliveries_per_second", ""}}},
	}},
	{series: "load", x: "commands/s wanted", logX: true, panels: []panel{
		{title: "command to answer, ms", logY: true, lines: []line{{"p99_ms", "p99"}, {"p50_ms", "p50"}}},
		{title: "records in one synced write, or batch", logY: true, lines: []line{{"records_per_sync", "write"}, {"records_per_batch", "batch"}}},
		{title: "CPU-seconds for 1M commands", logY: true, lines: []line{{"cpu_seconds", ""}}},
	}},
	{series: "state", x: "bytes of the state", logX: true, panels: []panel{
		{title: "command to answer, ms", logY: true, lines: []line{{"p99_ms", "p99"}, {"p50_ms", "p50"}}},
		{title: "CPU-seconds for 1M commands", logY: true, lines: []line{{"cpu_seconds", ""}}},
		{title: "connect after a restart, ms", logY: true, lines: []line{{"activation_ms", ""}}},
	}},
	{series: "entities", x: "entities on disk", logX: true, panels: []panel{
		{title: "after kill -9, ms", logY: true, lines: []line{{"first_answer_max_ms", "slowest"}, {"first_answer_ms", "first answer"}, {"entity_p50_ms", "an entity"}}},
		{title: "memory of the node, MB", lines: []line{{"rss_mb", ""}}},
		{title: "on disk, MB", logY: true, lines: []line{{"disk_mb", ""}}},
	}},
}
