// JSON pointers into the document (RFC 6901), as the server names what changed and what is odd. Used by the room's
// listeners and the views.

/** The pointer to an item. */
export const itemPointer = (id: string): string => `/items/${id.replace(/~/g, '~0').replace(/\//g, '~1')}`;

/** The id of the item that a pointer points to or into; null when it points elsewhere. */
export function itemIn(pointer: string): string | null {
  const id = /^\/items\/([^/]+)/.exec(pointer)?.[1];
  return id === undefined ? null : id.replace(/~1/g, '/').replace(/~0/g, '~');
}

/** A field of an item stands for the item; elsewhere the root stands for what is in it. */
export function wholeThing(pointer: string): string {
  const [, root = '', id] = pointer.split('/');
  return root === 'items' && id !== undefined ? `/items/${id}` : `/${root}`;
}
