// The text editor, loaded when a text is first shown. Holds its place meanwhile; says so when it cannot come.

import { useEffect, useState } from 'preact/hooks';
import type { EditorProps } from '../editor/editor';

type Editor = typeof import('../editor/editor').Editor;

let loaded: Editor | null = null;

export function LazyEditor(props: EditorProps) {
  const [Ready, setReady] = useState<Editor | null>(() => loaded);
  const [failed, setFailed] = useState(false);

  useEffect(() => {
    if (Ready || failed) return;
    let gone = false;
    import('../editor/editor').then(
      (module) => {
        loaded = module.Editor;
        if (!gone) setReady(() => module.Editor);
      },
      () => !gone && setFailed(true),
    );
    return () => void (gone = true);
  }, [failed]);

  if (Ready) return <Ready {...props} />;
  if (failed) {
    return (
      <p class="quiet">
        The notes could not be opened just now.{' '}
        <button class="button-quiet" onClick={() => setFailed(false)}>
          Try again
        </button>
      </p>
    );
  }
  return <div class={`editor-wait ${props.compact ? 'editor-compact' : ''}`} aria-busy="true" />;
}
