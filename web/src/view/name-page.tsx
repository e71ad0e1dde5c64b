// Asked once on a device: who are you? Then the trip opens. Nobody needs an account for it.

import { Logo } from './logo';

export function NamePage({ onName }: { onName: (name: string) => void }) {
  return (
    <main class="lone">
      <Logo size={40} />
      <h1>You are invited to a trip</h1>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const name = String(new FormData(event.currentTarget).get('name')).trim();
          if (name) onName(name);
        }}
      >
        <label class="labelled">
          <span>Your name</span>
          <input
            class="field"
            name="name"
            maxLength={40}
            required
            autocomplete="name"
            placeholder="What the others call you"
            ref={(node) => node?.focus()}
          />
        </label>
        <button class="button-main">Join</button>
      </form>
    </main>
  );
}
