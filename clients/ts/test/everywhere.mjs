// What the client does wherever there is JavaScript: everywhere(module, url, token) says what came of it.
export async function everywhere(module, url, token) {
  const { open } = await import(module);
  const apply = { events: { added: (state, { by }) => ({ sum: state.sum + by, events: state.events + 1 }) } };
  const said = [];
  for (const transport of ['websocket', 'sse', 'longpoll']) {
    const desk = open(url, { token, apply, transports: [transport], presence: true });
    await desk.ready;
    const before = desk.state.value.sum;
    await Promise.all([1, 2, 3].map((by) => desk.send('add', { by }, { predict: (s) => ({ ...s, sum: s.sum + by }) })));
    const { data } = await desk.query('sum');
    said.push(`${desk.status.value.transport} ${desk.state.value.sum - before} ${data - before}`);
    await desk.leave();
    said.push(desk.status.value.phase);
  }
  return said.join(', ');
}
