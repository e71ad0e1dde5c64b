// Skips drawing a view whose props are the same. For lists of many; everything else draws freely.

import { Component, h, type ComponentType, type FunctionComponent } from 'preact';

export function memo<P extends object>(View: FunctionComponent<P>): ComponentType<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const names = new Set([...Object.keys(this.props), ...Object.keys(next)]) as Set<keyof P>;
      return [...names].some((name) => this.props[name] !== next[name]);
    }
    override render() {
      return h(View, this.props as P);
    }
  };
}
