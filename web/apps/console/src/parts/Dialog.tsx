import { type ReactNode, useLayoutEffect, useRef } from 'react'

interface DialogProps {
  readonly label: string
  /** Without it, the dialog stays. */
  readonly onClose?: () => void
  readonly children: ReactNode
}

/** Open as long as it is there. What bears `data-first` has the keyboard: it is not to be seen before the dialog opens. */
export function Dialog({ label, onClose, children }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const dialog = box.current
    if (dialog && !dialog.open) dialog.showModal()
    dialog?.querySelector<HTMLElement>('[data-first]')?.focus()
    return () => dialog?.close()
  }, [])
  return (
    <dialog
      ref={box}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault()
        onClose?.()
      }}
      onClose={({ currentTarget: dialog }) => {
        // a browser closes at the second Escape, whatever it is told at the first
        if (dialog.open || !dialog.isConnected) return
        if (onClose) onClose()
        else dialog.showModal()
      }}
    >
      {children}
    </dialog>
  )
}
