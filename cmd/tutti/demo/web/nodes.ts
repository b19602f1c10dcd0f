// The nodes of a demo on several, with a button to kill each.
import { find } from './desk.ts';

const every = 700; // ms

interface Node {
  name: string;
  up: boolean;
  leads: number;
}

export class NodesPanel {
  readonly #row = find('#nodes');
  readonly #notify: (text: string) => void;

  constructor(notify: (text: string) => void) {
    this.#notify = notify;
    this.#follow();
  }

  /** follow asks again and again, but not at all where there is one node. */
  async #follow(): Promise<void> {
    for (;;) {
      if (!document.hidden) {
        const answer = await fetch('/demo/nodes', { cache: 'no-store' }).catch(() => undefined);
        const nodes: Node[] | undefined = answer?.ok ? (await answer.json()).nodes : undefined;
        if (nodes?.length === 0) return;
        if (nodes) this.#show(nodes);
      }
      await new Promise((resolve) => setTimeout(resolve, every));
    }
  }

  #show(nodes: Node[]): void {
    this.#row.hidden = false;
    const list = find('#nodes-list');
    for (const node of nodes) {
      let item = list.querySelector<HTMLElement>(`[data-node="${CSS.escape(node.name)}"]`);
      if (!item) {
        item = this.#item(node.name);
        list.append(item);
      }
      item.dataset.up = String(node.up);
      (item.querySelector('.node-leads') as HTMLElement).textContent = node.up ? `${node.leads} partitions` : 'gone';
      const button = item.querySelector('button') as HTMLButtonElement;
      button.textContent = node.up ? 'Kill' : 'Start';
      button.setAttribute('aria-label', `${button.textContent} ${node.name}`);
    }
  }

  #item(name: string): HTMLElement {
    const item = document.createElement('li');
    item.dataset.node = name;
    item.className = 'node';
    const dot = document.createElement('span');
    dot.className = 'dot';
    const label = document.createElement('b');
    label.textContent = name;
    const leads = document.createElement('span');
    leads.className = 'node-leads';
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'cut';
    button.addEventListener('click', () => this.#act(name, item.dataset.up === 'true' ? 'kill' : 'start', button));
    item.append(dot, label, leads, button);
    return item;
  }

  async #act(name: string, act: string, button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    const answer = await fetch(`/demo/nodes/${encodeURIComponent(name)}/${act}`, { method: 'POST' }).catch(() => undefined);
    button.disabled = false;
    if (!answer?.ok) this.#notify(`Node ${name} could not be ${act === 'kill' ? 'killed' : 'started'}.`);
  }
}
