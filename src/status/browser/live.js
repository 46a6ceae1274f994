/**
 * Keeps the page live, in the browser. `page.ts` sends the source of this one function, so it may use nothing of what
 * stands around it.
 */
export function live() {
  const SILENT_MS = 10_000;
  const AGAIN_MS = 3000;
  const main = /** @type {HTMLElement} */ (document.querySelector('main'));
  const icon = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel=icon]'));
  const button = /** @type {HTMLButtonElement} */ (document.querySelector('#pause'));
  const state = /** @type {HTMLElement} */ (document.querySelector('#state'));
  /** @type {EventSource | undefined} */
  let source;
  let timer = 0;
  let heard = clock();

  button.addEventListener('click', () => {
    if (source === undefined) connect();
    else pause();
  });
  button.hidden = false;
  connect();

  function connect() {
    button.textContent = 'Pause';
    source = new EventSource('events');
    source.onmessage = ({ data }) => {
      heard = clock();
      tell('live', isSelected(main) ? 'Live, but for what is selected' : 'Live');
      renew(data);
      wait(lose, SILENT_MS);
    };
    source.onerror = lose;
    wait(lose, SILENT_MS);
  }

  /** A server that hangs, or a broken network, says nothing at all. */
  function lose() {
    source?.close();
    tell('lost', `No answer since ${heard}, trying again`);
    wait(connect, AGAIN_MS);
  }

  function pause() {
    source?.close();
    source = undefined;
    clearTimeout(timer);
    button.textContent = 'Resume';
    tell('paused', `Paused at ${clock()}`);
  }

  /** @param {() => void} next @param {number} ms */
  function wait(next, ms) {
    clearTimeout(timer);
    timer = setTimeout(next, ms);
  }

  function clock() {
    return new Date().toTimeString().slice(0, 8);
  }

  /** Read aloud when it changes. @param {string} name @param {string} text */
  function tell(name, text) {
    if (state.textContent === text) return;
    state.className = name;
    state.textContent = text;
  }

  /** @param {string} markup title, icon and main of a page */
  function renew(markup) {
    const fresh = new DOMParser().parseFromString(markup, 'text/html');
    const wanted = /** @type {HTMLElement} */ (fresh.querySelector('main'));
    // After an upgrade of the server, style and script are others.
    if (wanted.dataset.edition !== main.dataset.edition) return location.reload();
    document.title = fresh.title;
    icon.href = /** @type {HTMLLinkElement} */ (fresh.querySelector('link[rel=icon]')).href;
    morph(main, wanted);
  }

  /** Changes only what differs, so that focus, scrolling, selection and what is unfolded stay. @param {Node} old @param {Node} wanted */
  function morph(old, wanted) {
    if (old instanceof Text) {
      if (old.data !== wanted.nodeValue && !isSelected(old)) old.data = wanted.nodeValue ?? '';
    } else if (old instanceof Element && wanted instanceof Element) {
      for (const { name } of [...old.attributes])
        if (!wanted.hasAttribute(name) && name !== 'open') old.removeAttribute(name);
      for (const { name, value } of wanted.attributes)
        if (old.getAttribute(name) !== value) old.setAttribute(name, value);
      morphChildren(old, wanted);
    }
  }

  /** Nobody could copy what changes in his hands. @param {Node} node */
  function isSelected(node) {
    const selection = getSelection();
    return selection !== null && !selection.isCollapsed && selection.containsNode(node, true);
  }

  /** @param {Element} old @param {Element} wanted */
  function morphChildren(old, wanted) {
    let next = old.firstChild;
    for (const child of [...wanted.childNodes]) {
      let found = next;
      // What has a name may stand further on; what stands between is gone.
      while (found !== null && nameOf(child) !== '' && !alike(found, child)) found = found.nextSibling;
      if (found === null || !alike(found, child)) {
        old.insertBefore(child, next);
        continue;
      }
      while (next !== found) next = removed(next);
      morph(found, child);
      next = found.nextSibling;
    }
    while (next !== null) next = removed(next);
  }

  /** @param {ChildNode | null} node @returns the one that followed it */
  function removed(node) {
    const following = node?.nextSibling ?? null;
    node?.remove();
    return following;
  }

  /** @param {Node} one @param {Node} other */
  function alike(one, other) {
    return one.nodeName === other.nodeName && nameOf(one) === nameOf(other);
  }

  /** @param {Node} node */
  function nameOf(node) {
    return node instanceof Element ? node.id || (node.getAttribute('data-key') ?? '') : '';
  }
}
